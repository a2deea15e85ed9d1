//! `path.Clean` of Go, which Docker sends every pattern through.

/// The shortest path that means the same: `a/./b`, `a//b` and `a/x/../b` are `a/b`. Nothing at all is `.`.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => _ = parts.pop(),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_become_the_shortest_ones() {
        let cases = [
            ("", "."),
            ("conf//key", "conf/key"),
            ("conf/./key", "conf/key"),
            ("docs/.", "docs"),
            ("a/../b", "b"),
            ("../a/..", ".."),
            ("../../x", "../../x"),
            ("/../a/", "/a"),
            ("/", "/"),
            ("a/..", "."),
        ];
        for (path, expected) in cases {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
