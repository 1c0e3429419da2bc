package org.example.modules;

/** Prints its module's name. */
public final class Two {
    private Two() {}

    public static void main(String[] arguments) {
        System.out.println("two of @VERSION@");
    }
}
