package org.example.modules;

/** Prints its module's name. */
public final class Four {
    private Four() {}

    public static void main(String[] arguments) {
        System.out.println("four of @VERSION@");
    }
}
