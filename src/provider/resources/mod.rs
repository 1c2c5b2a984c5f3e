//! The resources of the provider, one folder each.
//!
//! A second app connection requires a folder here, a line in `src/provider/mod.rs`, a folder in `examples/resources` and a
//! module in `tests/it`. Code that does not depend on the kind of connection is outside this folder: the session, cached lists,
//! name checks and lost responses (`connections`), logins (`login_check`), limits (`deadline`, `timeouts`), messages. Three
//! shared files support one kind of connection today and must be extended for a second one: the request and response types in
//! `src/kms/app_connection.rs`, the credentials in `RequestContext` of `src/provider/messages/kms/mod.rs`, and the argument of
//! an API field in `src/provider/messages/kms/refused.rs`.

pub(crate) mod postgres_connection;

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn lists_existing_paths_for_a_second_connection() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let header = include_str!("mod.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let paths: Vec<&str> = header.split('`').skip(1).step_by(2).filter(|name| name.contains('/')).collect();
        assert_eq!(paths.len(), 6);
        for path in paths {
            assert!(root.join(path).exists(), "{path}");
        }
    }
}
