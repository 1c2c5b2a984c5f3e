//! Name constraints, by OpenSSL's rules.

use x509_parser::extensions::{GeneralName, NameConstraints, ParsedExtension};
use x509_parser::oid_registry as oid;

use super::certificate::{Certificate, Name};
use super::{Fault, Finding};

/// The first certificate from the top with a name that one above it excludes.
pub(crate) fn check(chain: &[&Certificate<'_>]) -> Result<(), Finding> {
    for (at, certificate) in chain.iter().enumerate().rev() {
        // A new key under an old name is no new name.
        if at > 0 && certificate.is_self_issued() {
            continue;
        }
        for above in chain.iter().skip(at + 1) {
            let ParsedExtension::NameConstraints(constraints) = above.extension(&oid::OID_X509_EXT_NAME_CONSTRAINTS)
            else {
                continue;
            };
            if !names(certificate, at == 0).iter().all(|name| permits(constraints, name)) {
                return Err(Finding::new(Fault::NameNotPermitted, at, certificate));
            }
        }
    }
    Ok(())
}

/// A name, as constraints see it.
enum Named<'a> {
    Dns(String),
    Email(&'a str),
    Uri(&'a str),
    Address(&'a [u8]),
    Directory(Name),
}

fn names<'c>(certificate: &'c Certificate<'_>, is_leaf: bool) -> Vec<Named<'c>> {
    let mut names: Vec<Named<'_>> = certificate
        .alternatives()
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(Named::Dns((*name).to_owned())),
            GeneralName::RFC822Name(name) => Some(Named::Email(name)),
            GeneralName::URI(name) => Some(Named::Uri(name)),
            GeneralName::IPAddress(bytes) => Some(Named::Address(bytes)),
            GeneralName::DirectoryName(name) => Some(Named::Directory(Name::of(name))),
            _ => None,
        })
        .collect();
    if is_leaf && !names.iter().any(|name| matches!(name, Named::Dns(_))) {
        names.extend(certificate.common_names().into_iter().filter(|name| looks_like_dns(name)).map(Named::Dns));
    }
    names.extend(certificate.x509.subject().iter_email().filter_map(|name| name.as_str().ok()).map(Named::Email));
    if !certificate.subject.is_empty() {
        names.push(Named::Directory(certificate.subject.clone()));
    }
    names
}

fn permits(constraints: &NameConstraints<'_>, name: &Named<'_>) -> bool {
    let mut permitted = constraints.permitted_subtrees.iter().flatten().filter_map(|tree| lies_in(name, &tree.base));
    let mut excluded = constraints.excluded_subtrees.iter().flatten().filter_map(|tree| lies_in(name, &tree.base));
    // Where trees of this kind are permitted, one of them must hold it.
    let is_permitted = permitted.next().is_none_or(|first| first || permitted.any(|lies| lies));
    is_permitted && !excluded.any(|lies| lies)
}

/// Whether a name lies in a tree; `None` when the tree is of another kind.
fn lies_in(name: &Named<'_>, tree: &GeneralName<'_>) -> Option<bool> {
    let ends_with = |name: &str, end: &str| {
        let at = name.len().checked_sub(end.len()).and_then(|at| name.get(at..));
        at.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    // `.example.test` means the hosts below it, `example.test` that host alone.
    let host_in = |host: &str, tree: &str| match tree.starts_with('.') {
        true => host.len() > tree.len() && ends_with(host, tree),
        false => host.eq_ignore_ascii_case(tree),
    };
    Some(match (name, tree) {
        (Named::Dns(name), GeneralName::DNSName(tree)) => {
            let at_a_dot = || {
                tree.starts_with('.') || name.len() == tree.len() || {
                    let before = name.len().checked_sub(tree.len() + 1).and_then(|at| name.as_bytes().get(at));
                    before == Some(&b'.')
                }
            };
            tree.is_empty() || (ends_with(name, tree) && at_a_dot())
        }
        (Named::Email(name), GeneralName::RFC822Name(tree)) => match (name.rsplit_once('@'), tree.rsplit_once('@')) {
            (Some((local, host)), Some((tree_local, tree_host))) => {
                (tree_local.is_empty() || local == tree_local) && host.eq_ignore_ascii_case(tree_host)
            }
            (Some((_, host)), None) => host_in(host, tree),
            (None, _) => false,
        },
        (Named::Uri(name), GeneralName::URI(tree)) => {
            let host = name.split_once("://").map(|(_, rest)| rest.split([':', '/']).next().unwrap_or_default());
            host.is_some_and(|host| !host.is_empty() && host_in(host, tree))
        }
        (Named::Address(name), GeneralName::IPAddress(tree)) => {
            let (base, mask) = tree.split_at(tree.len() / 2);
            base.len() == name.len()
                && name.iter().zip(base).zip(mask).all(|((byte, base), mask)| byte & mask == base & mask)
        }
        (Named::Directory(name), GeneralName::DirectoryName(tree)) => name.starts_with(&Name::of(tree)),
        _ => return None,
    })
}

/// Whether a common name is one of a host: labels of letters, digits, hyphens and underscores, at least two.
fn looks_like_dns(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    name.contains('.') && name.split('.').all(is_label)
}
