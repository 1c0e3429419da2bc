package org.example.modules;

/** Prints its module's name. */
public final class Three {
    private Three() {}

    public static void main(String[] arguments) {
        System.out.println("three of @VERSION@");
    }
}
