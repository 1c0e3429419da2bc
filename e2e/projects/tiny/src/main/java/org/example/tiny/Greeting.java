package org.example.tiny;

/** Says one line. */
public final class Greeting {
    private Greeting() {}

    /**
     * The line that a consumer expects.
     *
     * @return the line
     */
    public static String text() {
        return "@GREETING@";
    }

    /**
     * Prints the line.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        System.out.println(text());
    }
}
