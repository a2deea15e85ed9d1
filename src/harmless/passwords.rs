//! What is secret in URLs: passwords, RFC 3986 section 3.2.1 (`scheme://user:password@host`), and queries, section 3.4, in which
//! tokens and signatures stand under any name: names of parameters are shown, their values are not.

use std::ops::Range;

/// Where secrets stand in a text, in bytes, one behind the other.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, mark) in text.match_indices("://") {
        let start = at + mark.len();
        // A URL within a query is part of what is secret already.
        if found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        // Passwords may hold quotes and parentheses of the sub-delimiters.
        let ends = |c: char| c.is_whitespace() || c.is_control() || "/?#\"`<>\\[]{}|".contains(c);
        // A host in brackets ends the search, and comes behind the `@`.
        let end = text[start..].find(ends).map_or(text.len(), |end| start + end);
        found.extend(password(text, at, start..end));
        found.extend(query(text, end));
    }
    found
}

/// The password between the scheme, which ends at `scheme`, and the host. Without a colon a user of the web is taken for a
/// token.
fn password(text: &str, scheme: usize, authority: Range<usize>) -> Option<Range<usize>> {
    let Range { start, end } = authority;
    let user_end = text[start..end].rfind('@').map(|at| start + at)?;
    // An image and its digest, which no name of a host begins with.
    if ["@sha256:", "@sha512:"].iter().any(|digest| text[user_end..].starts_with(digest)) {
        return None;
    }
    let is_web = || ["http", "https", "ftp"].iter().any(|name| ends_with(&text[..scheme], name));
    match text[start..user_end].find(':') {
        Some(colon) => Some(start + colon + 1..user_end),
        None => is_web().then_some(start..user_end),
    }
}

/// The values of the query of a URL whose authority ends at `from`; a parameter without a name is one.
fn query(text: &str, from: usize) -> Vec<Range<usize>> {
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"`<>\\".contains(c);
    let end = text[from..].find(ends).map_or(text.len(), |end| from + end);
    let Some(start) = text[from..end].find(['?', '#']).map(|at| from + at) else { return Vec::new() };
    // That of another URL is found with it.
    if text[start..].starts_with('#') || text[from..start].contains("://") {
        return Vec::new();
    }
    let end = text[start..end].find('#').map_or(end, |at| start + at);
    let mut at = start + 1;
    let parameters = text[at..end].split('&').map(|parameter| {
        let value = at + parameter.find('=').map_or(0, |equals| equals + 1)..at + parameter.len();
        at += parameter.len() + 1;
        value
    });
    parameters.collect()
}

/// A variable of a shell is the name of a secret and none.
fn is_variable(text: &str) -> bool {
    let is_name = |name: &str| name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    text.strip_prefix('$').is_some_and(|name| !name.starts_with(|c: char| c.is_ascii_digit()) && is_name(name))
}

fn ends_with(text: &str, scheme: &str) -> bool {
    let from = text.len().checked_sub(scheme.len());
    from.and_then(|from| text.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(scheme))
}

/// The text with `***` in their place.
pub fn hidden(text: &str) -> String {
    replaced(text, |_| "***".to_owned())
}

/// The text with a star for each of their letters.
pub fn starred(text: &str) -> String {
    replaced(text, |secret| "*".repeat(secret.chars().count()))
}

fn replaced(text: &str, by: impl Fn(&str) -> String) -> String {
    let (mut replaced, mut done) = (String::with_capacity(text.len()), 0);
    let is_one = |range: &Range<usize>| !range.is_empty() && !is_variable(&text[range.clone()]);
    for range in secrets(text).into_iter().filter(is_one) {
        replaced.push_str(&text[done..range.start]);
        replaced.push_str(&by(&text[range.clone()]));
        done = range.end;
    }
    replaced + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_users_and_hosts_stay() {
        for (text, shown) in [
            ("get https://me:geheim@h.example.com:5000/x failed", "get https://me:***@h.example.com:5000/x failed"),
            ("(http://me:p%40ss:word@[::1]:5000/)", "(http://me:***@[::1]:5000/)"),
            ("HTTPS://ghp_token@github.com/x.git", "HTTPS://***@github.com/x.git"),
            ("a@b at p://u:a@b@h, `https://x:y@z`", "a@b at p://u:***@h, `https://x:***@z`"),
            ("ssh://git@example.com/x and git+https://t@h", "ssh://git@example.com/x and git+https://***@h"),
            ("https://example.com/a@b:c", "https://example.com/a@b:c"),
            ("https://example.com/https://ü:ßß@h/", "https://example.com/https://ü:***@h/"),
            (
                "docker-image://alpine:3.13@sha256:0123 https://$TOKEN@h",
                "docker-image://alpine:3.13@sha256:0123 https://$TOKEN@h",
            ),
            ("https://me:pw@share.example.com/x", "https://me:***@share.example.com/x"),
            ("://@", "://@"),
            ("`https://me:ge(he)im@h/x` (https://me:'pw'!$@h)", "`https://me:***@h/x` (https://me:***@h)"),
            (
                "https://me:$3cret@h https://me:$ec-ret@h https://me:$TOKEN@h",
                "https://me:***@h https://me:***@h https://me:$TOKEN@h",
            ),
        ] {
            assert_eq!(hidden(text), shown);
            assert_eq!(hidden(shown), shown, "once is enough");
        }
        assert_eq!(starred("x://ü:ßß@h"), "x://ü:**@h");
    }

    #[test]
    fn values_of_queries_go_and_names_stay() {
        for (text, shown) in [
            ("get https://h/x?token=geheim: 403", "get https://h/x?token=*** 403"),
            (
                "https://h/x?X-Amz-Signature=ab/cd==&sig=%20&raw&e=#top",
                "https://h/x?X-Amz-Signature=***&sig=***&***&e=#top",
            ),
            ("`http://h?a=b`, \"s3://b/(c)?d=(e)\\n\"", "`http://h?a=***`, \"s3://b/(c)?d=***\\n\""),
            ("https://me:pw@h/x?to=https://you:pw@h/y?z https://i?j", "https://me:***@h/x?to=*** https://i?***"),
            ("https://h/#x?y=z https://h/?a=$TOKEN&b=c", "https://h/#x?y=z https://h/?a=$TOKEN&b=***"),
            ("what://is this? a=b", "what://is this? a=b"),
            ("https://h/https://me:pw@i?a=b", "https://h/https://me:***@i?a=***"),
            ("https://h/ü?ß=ß&=ßß", "https://h/ü?ß=***&=***"),
        ] {
            assert_eq!(hidden(text), shown);
            assert_eq!(hidden(shown), shown, "once is enough");
        }
        assert_eq!(starred("https://h/x?a=ßß&bc"), "https://h/x?a=**&**");
    }
}
