//! Cuts a query into tokens. Total: any text gives tokens, and meaningless parts are skipped.

/// A field that a query can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// `group:artifact`.
    Id,
    /// The group.
    Group,
    /// The name.
    Artifact,
    /// The latest version.
    Version,
    /// When the latest version was deployed.
    At,
    /// What the POM says about the project.
    Description,
    /// Its licences.
    Licenses,
    /// Its URL.
    Url,
    /// Its authors.
    Authors,
    /// A direct dependency.
    Dependency,
    /// A repository that has it.
    Repository,
}

/// A piece of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `AND`, `&&`
    And,
    /// `OR`, `||`
    Or,
    /// `NOT`, `-`, `!`
    Not,
    /// `+`
    Must,
    /// The name of a field and a colon.
    Field(Field),
    /// The text between quotes.
    Quoted(String),
    /// The text between blanks.
    Text(String),
    /// A range with its brackets; only after a field.
    Range(String),
}

impl Field {
    /// All names of fields; the first of each is the canonical one, the others are aliases.
    const NAMES: [(Self, &'static [&'static str]); 11] = [
        (Self::Id, &["id"]),
        (Self::Group, &["group-id", "group", "g"]),
        (Self::Artifact, &["artifact-id", "artifact", "a", "name"]),
        (Self::Version, &["version"]),
        (Self::At, &["at"]),
        (Self::Description, &["description"]),
        (Self::Licenses, &["licenses", "license", "licences", "licence"]),
        (Self::Url, &["url"]),
        (Self::Authors, &["author", "authors"]),
        (Self::Dependency, &["dependency", "dependencies"]),
        (Self::Repository, &["repository"]),
    ];

    /// The field with that name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        Self::NAMES.into_iter().find(|(_, names)| names.contains(&lower.as_str())).map(|(field, _)| field)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        let names = Self::NAMES.iter().find(|(field, _)| *field == self).map(|(_, names)| *names);
        names.and_then(|names| names.first()).copied().unwrap_or_default()
    }
}

/// The tokens of a query.
pub(crate) fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let value_next = matches!(tokens.last(), Some(Token::Field(_)));
        let (token, next) = match first {
            '(' => (Some(Token::Open), after),
            ')' => (Some(Token::Close), after),
            '"' => quoted(after),
            '[' | '{' if value_next => range(rest),
            '+' | '-' | '!' if !value_next => (sign(first, after), after),
            _ if is_separator(first) => (None, after),
            _ => run(rest, value_next),
        };
        tokens.extend(token);
        rest = next;
    }
    tokens
}

/// A quote without its counterpart is not a quote.
fn quoted(after: &str) -> (Option<Token>, &str) {
    match after.split_once('"') {
        Some((text, next)) => (Some(Token::Quoted(text.to_owned())), next),
        None => (None, after),
    }
}

/// Up to the bracket that closes it, or to the end: the parser reports what is wrong with that.
fn range(rest: &str) -> (Option<Token>, &str) {
    let end = rest.find([']', '}']).map_or(rest.len(), |index| index + 1);
    let (range, next) = rest.split_at(end);
    (Some(Token::Range(range.to_owned())), next)
}

/// A sign belongs to what directly follows it.
fn sign(sign: char, after: &str) -> Option<Token> {
    let alone = after.chars().next().is_none_or(char::is_whitespace);
    match sign {
        _ if alone => None,
        '+' => Some(Token::Must),
        _ => Some(Token::Not),
    }
}

fn run(rest: &str, value_next: bool) -> (Option<Token>, &str) {
    let end = rest.find(|c| is_separator(c) || matches!(c, '"' | '(' | ')')).unwrap_or(rest.len());
    let (text, next) = rest.split_at(end);
    if let Some((name, _)) = text.split_once(':')
        && let Some(field) = Field::named(name)
        && !value_next
    {
        return (Some(Token::Field(field)), rest.get(name.len() + 1..).unwrap_or_default());
    }
    let token = match text {
        "AND" | "&&" => Token::And,
        "OR" | "||" => Token::Or,
        "NOT" => Token::Not,
        _ => Token::Text(text.to_owned()),
    };
    (Some(token), next)
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '[' | ']' | '{' | '}' | ',' | ';')
}
