//! What recipes may write as an address.

use crate::project::plan_script;

/// What is wrong with a call; nothing when it is taken.
fn mistake(call: &str) -> String {
    let unpacked = format!("base(\"scratch\");\nunpack({call}, \"/x\");\n");
    plan_script(&unpacked).err().map(|error| error.0[0].message.clone()).unwrap_or_default()
}

#[test]
fn repositories_are_addresses_and_no_options() {
    for url in [
        "https://example.com/x",
        "ssh://git@example.com/x",
        "git://example.com/x.git",
        "git@example.com:team/x.git",
        "git@example.com:x",
    ] {
        assert_eq!(mistake(&format!("git(\"{url}\")")), "", "{url}");
    }
    for url in [
        "--upload-pack=touch x",
        "ext::sh -c id",
        "file:///srv/x",
        "/srv/x",
        "ssh://-oProxyCommand=id/x",
        "git@example.com:--upload-pack=id",
        "https://example.com",
        "https://example.com:8080",
        "https://example.com/..",
    ] {
        assert_eq!(mistake(&format!("git(\"{url}\")")), format!("`{url}` is no repository"));
    }
    assert_eq!(mistake("git(\"ftp://user:secret@example.com/x\")"), "`ftp://example.com/x` is no repository");
}

#[test]
fn references_are_names_and_no_options() {
    let with = |reference: &str| mistake(&format!("git(\"https://example.com/x\", #{{ \"ref\": \"{reference}\" }})"));
    for reference in ["v1.0", "release/2", "0123456789abcdef0123456789abcdef01234567"] {
        assert_eq!(with(reference), "", "{reference}");
    }
    for reference in ["--upload-pack=id", "-x", "+refs/heads/*:refs/heads/*", "a:b", "a b", "^main"] {
        assert_eq!(with(reference), format!("`{reference}` is no branch, tag or commit"));
    }
}

#[test]
fn downloads_have_addresses_of_the_web() {
    for url in ["file:///etc/passwd", "ftp://example.com/x", "https:///x", "git@example.com:x"] {
        assert_eq!(mistake(&format!("download(\"{url}\")")), format!("`{url}` is no URL of `http` or `https`"));
    }
}
