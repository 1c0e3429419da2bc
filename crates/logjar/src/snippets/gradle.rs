//! Gradle: `build.gradle` in Groovy, and `gradle.properties` with the token.

use super::escape::single_quoted;
use super::{Place, YOUR_NAME, YOUR_TOKEN};

pub(super) fn resolve(place: &Place) -> Vec<String> {
    let repositories = format!(
        "// build.gradle
repositories {{
    maven {{
{}
    }}
}}",
        repository(place, 8, place.asks_readers)
    );
    [repositories].into_iter().chain(place.asks_readers.then(|| properties(place))).collect()
}

pub(super) fn deploy(place: &Place) -> Vec<String> {
    let publishing = format!(
        "// build.gradle, after plugins; then: gradle publish
apply plugin: 'maven-publish'
publishing {{
    publications {{
        library(MavenPublication) {{
            from components.java
        }}
    }}
    repositories {{
        maven {{
{}
        }}
    }}
}}",
        repository(place, 12, true)
    );
    vec![publishing, properties(place)]
}

/// The lines inside `maven { … }`.
fn repository(place: &Place, indent: usize, asks: bool) -> String {
    let name = format!("name = '{}'", name(place));
    let url = format!("url = uri('{}')", single_quoted(place.url()));
    let speak_http = place.is_http().then(|| "allowInsecureProtocol = true".to_owned());
    let credentials = asks.then(|| "credentials(PasswordCredentials)".to_owned());
    let lines: Vec<String> = [name, url].into_iter().chain(speak_http).chain(credentials).collect();
    lines.iter().map(|line| format!("{:indent$}{line}", "")).collect::<Vec<_>>().join("\n")
}

/// Where Gradle looks up the credentials of the repository `x`: in the properties `xUsername` and `xPassword`.
fn properties(place: &Place) -> String {
    let name = name(place);
    format!(
        "# ~/.gradle/gradle.properties
{name}Username={YOUR_NAME}
{name}Password={YOUR_TOKEN}"
    )
}

/// The name of the repository; if credentials are looked up by it, it may only have letters and digits.
fn name(place: &Place) -> String {
    let mut words = place.id().split('-');
    let first = words.next().unwrap_or_default();
    let others = words.map(|word| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    });
    std::iter::once(first.to_owned()).chain(others).collect()
}
