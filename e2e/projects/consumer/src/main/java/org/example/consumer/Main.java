package org.example.consumer;

import org.example.tiny.Greeting;

/** Prints what the resolved library says. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.out.println(Greeting.text());
    }
}
