package org.example.modules;

/** Prints its module's name. */
public final class One {
    private One() {}

    public static void main(String[] arguments) {
        System.out.println("one of @VERSION@");
    }
}
