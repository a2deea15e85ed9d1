//! Passwords in URLs, RFC 3986 section 3.2.1: `scheme://user:password@host`.

use std::ops::Range;

/// Where passwords stand in a text, in bytes. Without a colon a user of the web is taken for a token. A variable of a shell
/// is the name of a password and none.
fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("://") {
        let start = at + mark.len();
        // Passwords may hold quotes and parentheses of the sub-delimiters.
        let ends = |c: char| c.is_whitespace() || c.is_control() || "/?#\"`<>\\[]{}|".contains(c);
        // A host in brackets ends the search, and comes behind the `@`.
        let end = text[start..].find(ends).map_or(text.len(), |end| start + end);
        let Some(user_end) = text[start..end].rfind('@').map(|at| start + at) else { continue };
        // An image and its digest.
        if text[user_end..].starts_with("@sha") {
            continue;
        }
        let is_web = ["http", "https", "ftp"].iter().any(|scheme| ends_with(&text[..at], scheme));
        match text[start..user_end].find(':') {
            Some(colon) => found.push(start + colon + 1..user_end),
            None if is_web => found.push(start..user_end),
            None => {}
        }
    }
    found
}

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
    replaced(text, |password| "*".repeat(password.chars().count()))
}

fn replaced(text: &str, by: impl Fn(&str) -> String) -> String {
    let (mut replaced, mut done) = (String::with_capacity(text.len()), 0);
    let is_one = |range: &Range<usize>| !range.is_empty() && !is_variable(&text[range.clone()]);
    for range in passwords(text).into_iter().filter(is_one) {
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
            ("get https://me:geheim@h.example.com:5000/x?y failed", "get https://me:***@h.example.com:5000/x?y failed"),
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
            ("://@", "://@"),
            ("`https://me:ge(he)im@h/x` (https://me:'pw'!$@h)", "`https://me:***@h/x` (https://me:***@h)"),
            (
                "https://me:$3cret@h https://me:$ec-ret@h https://me:$TOKEN@h",
                "https://me:***@h https://me:***@h https://me:$TOKEN@h",
            ),
        ] {
            assert_eq!(hidden(text), shown);
        }
        assert_eq!(starred("x://ü:ßß@h"), "x://ü:**@h");
    }
}
