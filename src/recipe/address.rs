//! Addresses of artifacts: which ones are taken, and how they are shown.

/// Ways to a repository that carry no command of this machine.
pub const REPOSITORY_SCHEMES: [&str; 4] = ["https", "http", "ssh", "git"];

/// True for a URL of `http` or `https` with a host.
pub fn is_web(url: &str) -> bool {
    ["https", "http"].contains(&scheme(url).unwrap_or_default()) && has_host(url)
}

/// True for what `git` may be given as a repository: a URL of the schemes above, or `user@host:path`. Neither can be taken
/// for an option, by git or by the program that git starts with the host's name.
pub fn is_repository(url: &str) -> bool {
    match scheme(url) {
        Some(scheme) => REPOSITORY_SCHEMES.contains(&scheme) && has_host(url),
        None => is_remote_path(url),
    }
}

/// The URL without user name and password: a token may stand as either.
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(end_of_authority(rest));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn scheme(url: &str) -> Option<&str> {
    url.split_once("://").map(|(scheme, _)| scheme)
}

fn end_of_authority(rest: &str) -> usize {
    rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())
}

fn has_host(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = &rest[..end_of_authority(rest)];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    is_plain(url) && is_name(host) && !authority.starts_with('-')
}

/// `git@example.com:team/project.git`.
fn is_remote_path(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let is_word = |text: &str| is_name(text) && !text.contains(['/', ':']);
    is_plain(text) && is_word(user) && is_word(host) && !path.is_empty() && !path.starts_with(['-', ':'])
}

fn is_plain(url: &str) -> bool {
    !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_name(host: &str) -> bool {
    !host.is_empty() && !host.starts_with(['-', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_carry_no_command_are_repositories() {
        let taken = [
            "https://example.com/team/x",
            "http://127.0.0.1:8080/x.git",
            "ssh://git@example.com:22/x",
            "git://example.com/x",
            "git@example.com:team/x.git",
            "https://user:secret@example.com/x",
        ];
        for url in taken {
            assert!(is_repository(url), "{url}");
        }
        let refused = [
            "",
            "--upload-pack=touch x",
            "--upload-pack=touch",
            "ext::sh -c touch% x",
            "ext::sh@x:y",
            "ext://sh",
            "file:///etc",
            "/srv/git/x",
            "../x",
            "ssh://-oProxyCommand=touch/x",
            "ssh://user@-oProxyCommand=touch/x",
            "-oProxyCommand=x@example.com:x",
            "git@-oProxyCommand=x:x",
            "git@example.com:--upload-pack=x",
            "git@example.com::x",
            "https:///x",
            "https://:80/x",
            "https://example.com/a b",
            "https://example.com/\n",
            "HTTPS://example.com/x",
        ];
        for url in refused {
            assert!(!is_repository(url), "{url}");
        }
    }

    #[test]
    fn downloads_come_from_the_web() {
        assert!(is_web("https://example.com") && is_web("http://user@example.com/x"));
        for url in ["ftp://example.com/x", "file:///x", "https://", "https:///x", "git@example.com:x", "ssh://x/y"] {
            assert!(!is_web(url), "{url}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("https://user:se@cret@example.com/x@y"), "https://example.com/x@y");
        assert_eq!(shown("https://token@example.com?x"), "https://example.com?x");
        assert_eq!(shown("https://example.com/x"), "https://example.com/x");
        assert_eq!(shown("git@example.com:x"), "git@example.com:x");
    }
}
