//! Certificate chains: roots, intermediates, namesakes, times, flags.

use rcgen::KeyUsagePurpose as Usage;
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use terraform_provider_kms::postgres::Fault::{
    Expired, NameNotPermitted, NotAnAuthority, NotSignedByIssuer, NotYetValid, OwnCertificate, PathTooLong,
    RootMissing, SelfSigned, UnknownCritical, UnknownIssuer, WrongPurpose,
};
use terraform_provider_kms::postgres::Link::{Intermediate, Root, Server};

use super::Table;
use super::shapes::{Made, days, params, plain};

fn with_key_identifier(params: &mut CertificateParams) {
    params.use_authority_key_identifier_extension = true;
}

fn path(length: u8) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length))
}

fn critical(oid: &'static [u64]) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let mut extension = CustomExtension::from_oid_content(oid, vec![4, 1, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    }
}

fn time(from: i64, to: i64) -> impl FnOnce(&mut CertificateParams) {
    move |params| (params.not_before, params.not_after) = days(from, to)
}

fn undeclared(params: &mut CertificateParams) {
    (params.is_ca, params.key_usages) = (IsCa::NoCa, Vec::new());
}

fn permitting(subtrees: Vec<GeneralSubtree>) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.name_constraints = Some(NameConstraints { permitted_subtrees: subtrees, excluded_subtrees: vec![] });
    }
}

fn excluding(subtrees: Vec<GeneralSubtree>) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.name_constraints = Some(NameConstraints { permitted_subtrees: vec![], excluded_subtrees: subtrees });
    }
}

#[rustfmt::skip]
pub(crate) async fn fill(t: &mut Table) {
    trust(t).await;
    namesakes(t).await;
    authorities(t).await;
    times(t).await;
    constraints(t).await;
}

#[rustfmt::skip]
async fn trust(t: &mut Table) {
    let root = Made::root("Root", plain);
    let other = Made::root("Other", plain);
    let one = root.intermediate("One", plain);
    let two = one.intermediate("Two", plain);
    let leaf = root.leaf(plain);
    let low = one.leaf(plain);
    let lowest = two.leaf(plain);
    t.row("ordinary", &[&root], &[&leaf], Ok(())).await;
    t.row("ordinary, key identifiers", &[&root], &[&root.leaf(with_key_identifier)], Ok(())).await;
    t.row("another authority", &[&other], &[&leaf], Err((UnknownIssuer, Server))).await;
    t.add("no authority given", "db.test", None, &[&leaf], Err((UnknownIssuer, Server))).await;
    t.add("no authority given, chain to a root of its own", "db.test", None, &[&low, &one, &root], Err((SelfSigned, Root))).await;
    t.row("the server's own and a strange root", &[&leaf, &other], &[&leaf], Err((OwnCertificate, Server))).await;
    t.row("the server's own and its root", &[&leaf, &root], &[&leaf], Ok(())).await;
    t.row("root sent along", &[&root], &[&low, &one, &root], Ok(())).await;
    t.row("intermediate sent", &[&root], &[&low, &one], Ok(())).await;
    t.row("intermediate given", &[&root, &one], &[&low], Ok(())).await;
    t.row("intermediate nowhere", &[&root], &[&low], Err((UnknownIssuer, Server))).await;
    t.row("intermediate given without its root", &[&one, &other], &[&low], Err((RootMissing, Intermediate))).await;
    t.row("intermediate given without its root, chain sent", &[&one, &other], &[&low, &one, &root], Err((RootMissing, Intermediate))).await;
    t.row("two intermediates sent", &[&root], &[&lowest, &two, &one], Ok(())).await;
    t.row("two intermediates, lower sent, upper given", &[&root, &one], &[&lowest, &two], Ok(())).await;
    t.row("two intermediates, lower given, upper only sent", &[&root, &two], &[&lowest, &one], Err((RootMissing, Intermediate))).await;
    t.row("sent in the wrong order", &[&root], &[&lowest, &root, &one, &two], Ok(())).await;
    t.row("strangers sent along", &[&root], &[&low, &other, &leaf, &one], Ok(())).await;
    t.row("only a strange root sent along", &[&root], &[&low, &one, &other], Ok(())).await;
    t.row("an untrusted root sent", &[&other], &[&low, &one, &root], Err((SelfSigned, Root))).await;
}

#[rustfmt::skip]
async fn namesakes(t: &mut Table) {
    let root = Made::root("Root", plain);
    let false_root = Made::root("Root", plain);
    let leaf = root.leaf(plain);
    let identified = root.leaf(with_key_identifier);
    t.row("namesake of the issuer", &[&false_root], &[&leaf], Err((NotSignedByIssuer, Server))).await;
    t.row("namesake of the issuer, told apart", &[&false_root], &[&identified], Err((NotSignedByIssuer, Server))).await;
    t.row("namesake of the issuer sent", &[&root], &[&false_root.leaf(plain), &false_root], Err((NotSignedByIssuer, Server))).await;
    t.row("two namesakes, told apart", &[&false_root, &root], &[&identified], Ok(())).await;
    t.row("two namesakes, the wrong one first", &[&false_root, &root], &[&leaf], Err((NotSignedByIssuer, Server))).await;
    t.row("two namesakes, the right one first", &[&root, &false_root], &[&leaf], Ok(())).await;
    t.row("root made anew with its key", &[&root.again(time(-1, 700))], &[&leaf, &root], Ok(())).await;
    let other = Made::root("Other", plain);
    let cross = root.cross_signed_by(&other);
    t.row("cross-signed, its own root trusted", &[&root], &[&leaf, &cross], Ok(())).await;
    t.row("cross-signed, the other root trusted", &[&other], &[&leaf, &cross], Ok(())).await;
    t.row("signature changed", &[&root], &[&root.leaf(plain).tampered()], Err((NotSignedByIssuer, Server))).await;
    t.row("signature of the intermediate changed", &[&root], &{
        let one = root.intermediate("One", plain);
        let leaf = one.leaf(plain);
        [leaf, one.tampered()]
    }.iter().collect::<Vec<_>>(), Err((NotSignedByIssuer, Intermediate))).await;
    let spelled = root.again(|params| params.distinguished_name.push(DnType::CommonName, " rOOT "));
    t.row("issuer spelled otherwise", &[&root], &[&spelled.leaf(plain)], Ok(())).await;
    let printable = root.again(|params| params.distinguished_name.push(DnType::CommonName, rcgen::DnValue::PrintableString("Root".try_into().unwrap())));
    t.row("issuer in another kind of string", &[&root], &[&printable.leaf(plain)], Ok(())).await;
    let itself = Made::self_signed(params("Root", &["db.test"]), KeyPair::generate().unwrap(), plain);
    t.row("self-signed under the name of a root", &[&root], &[&itself], Err((NotSignedByIssuer, Server))).await;
}

#[rustfmt::skip]
async fn authorities(t: &mut Table) {
    let root = Made::root("Root", plain);
    let old = Made::self_signed(params("Old", &[]), KeyPair::generate().unwrap(), plain).version_1(None);
    t.row("root of version 1", &[&old], &[&old.leaf(plain)], Ok(())).await;
    let one = root.intermediate("One", plain).version_1(Some(&root));
    t.row("intermediate of version 1", &[&root], &[&one.leaf(plain), &one], Err((NotAnAuthority, Intermediate))).await;
    let bare = Made::root("Bare", undeclared);
    t.row("root that declares nothing", &[&bare], &[&bare.leaf(plain)], Err((NotAnAuthority, Root))).await;
    let usage = Made::root("Usage", |params| params.is_ca = IsCa::NoCa);
    t.row("root that declares its key usage alone", &[&usage], &[&usage.leaf(plain)], Ok(())).await;
    let no = Made::root("No", |params| params.is_ca = IsCa::ExplicitNoCa);
    t.row("root that denies", &[&no], &[&no.leaf(plain)], Err((NotAnAuthority, Root))).await;
    let silent = Made::root("Silent", |params| params.key_usages = vec![Usage::CrlSign]);
    t.row("root without keyCertSign", &[&silent], &[&silent.leaf(plain)], Err((NotAnAuthority, Root))).await;
    let free = Made::root("Free", |params| params.key_usages.clear());
    t.row("root without key usage", &[&free], &[&free.leaf(plain)], Ok(())).await;
    for (name, intermediate) in [
        ("intermediate that declares nothing", root.intermediate("One", undeclared)),
        ("intermediate that declares its key usage alone", root.intermediate("One", |params| params.is_ca = IsCa::NoCa)),
        ("intermediate that denies", root.intermediate("One", |params| params.is_ca = IsCa::ExplicitNoCa)),
        ("intermediate without keyCertSign", root.intermediate("One", |params| params.key_usages = vec![Usage::DigitalSignature])),
    ] {
        t.row(name, &[&root], &[&intermediate.leaf(plain), &intermediate], Err((NotAnAuthority, Intermediate))).await;
    }
    let short = Made::root("Short", path(0));
    let one = short.intermediate("One", plain);
    t.row("path length 0 and a server", &[&short], &[&short.leaf(plain)], Ok(())).await;
    t.row("path length 0 and an intermediate", &[&short], &[&one.leaf(plain), &one], Err((PathTooLong, Root))).await;
    let one = Made::root("Long", path(1));
    let two = one.intermediate("Two", path(0));
    t.row("path length 1 and an intermediate", &[&one], &[&two.leaf(plain), &two], Ok(())).await;
    let again = short.sign(params("Short", &[]), KeyPair::generate().unwrap(), |params| { super::shapes::authority(params); with_key_identifier(params); });
    t.row("path length does not count a new key", &[&short], &[&again.leaf(with_key_identifier), &again], Ok(())).await;
    let client = Made::root("Client", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    t.row("root for clients", &[&client], &[&client.leaf(plain)], Err((WrongPurpose, Root))).await;
    let server = Made::root("Servers", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    t.row("root for servers", &[&server], &[&server.leaf(plain)], Ok(())).await;
    let strange = Made::root("Strange", critical(&[1, 2, 3, 4]));
    t.row("root with an unknown critical extension", &[&strange], &[&strange.leaf(plain)], Err((UnknownCritical("1.2.3.4".to_owned()), Root))).await;
    t.row("unknown critical extension", &[&root], &[&root.leaf(critical(&[1, 2, 3, 4]))], Err((UnknownCritical("1.2.3.4".to_owned()), Server))).await;
    t.row("extension that may not be critical", &[&root], &[&root.leaf(critical(&[2, 5, 29, 14]))], Err((UnknownCritical("2.5.29.14".to_owned()), Server))).await;
    t.row("unknown extension", &[&root], &[&root.leaf(|params| params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0])))], Ok(())).await;
}

#[rustfmt::skip]
async fn times(t: &mut Table) {
    let root = Made::root("Root", plain);
    let other = Made::root("Other", plain);
    t.row("expired", &[&root], &[&root.leaf(time(-10, -1))], Err((Expired, Server))).await;
    t.row("not yet valid", &[&root], &[&root.leaf(time(1, 10))], Err((NotYetValid, Server))).await;
    let one = root.intermediate("One", time(-10, -1));
    t.row("intermediate expired", &[&root], &[&one.leaf(plain), &one], Err((Expired, Intermediate))).await;
    let one = root.intermediate("One", time(1, 10));
    t.row("intermediate not yet valid", &[&root], &[&one.leaf(plain), &one], Err((NotYetValid, Intermediate))).await;
    let late = Made::root("Late", time(1, 10));
    t.row("root not yet valid", &[&late], &[&late.leaf(plain)], Err((NotYetValid, Root))).await;
    let past = Made::root("Past", time(-10, -1));
    t.row("root expired", &[&past, &other], &[&past.leaf(plain)], Err((Expired, Root))).await;
    t.row("root expired, its successor given after it", &[&past, &past.again(time(-1, 10))], &[&past.leaf(plain)], Ok(())).await;
    let one = root.intermediate("One", time(-10, -1));
    let renewed = root.sign(params("One", &[]), one.key(), super::shapes::authority);
    t.row("intermediate expired, its successor sent after it", &[&root], &[&one.leaf(plain), &one, &renewed], Ok(())).await;
    t.add("expired and unknown, no authority given", "db.test", None, &[&root.leaf(time(-10, -1))], Err((Expired, Server))).await;
}

#[rustfmt::skip]
async fn constraints(t: &mut Table) {
    let dns = |name: &str| vec![GeneralSubtree::DnsName(name.to_owned())];
    let net = |last| vec![GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, last], 32))];
    let violated = Err((NameNotPermitted, Server));
    let own = |root: &Made, names: &[&str], common: &str| root.sign(params(common, names), KeyPair::generate().unwrap(), plain);
    let within = Made::root("Within", permitting(dns("test")));
    t.row("permitted name", &[&within], &[&within.leaf(plain)], Ok(())).await;
    let same = Made::root("Same", permitting(dns("DB.test")));
    t.row("permitted name itself", &[&same], &[&same.leaf(plain)], Ok(())).await;
    let elsewhere = Made::root("Elsewhere", permitting(dns("example.test")));
    t.row("name not permitted", &[&elsewhere], &[&elsewhere.leaf(plain)], violated.clone()).await;
    let part = Made::root("Part", permitting(dns("b.test")));
    t.row("name that only ends alike", &[&part], &[&part.leaf(plain)], violated.clone()).await;
    let not = Made::root("Not", excluding(dns("db.test")));
    t.row("excluded name", &[&not], &[&not.leaf(plain)], violated.clone()).await;
    let also = Made::root("Also", excluding(dns("other.test")));
    t.row("another name excluded", &[&also], &[&also.leaf(plain)], Ok(())).await;
    t.row("excluded name besides", &[&also], &[&own(&also, &["db.test", "other.test"], "")], violated.clone()).await;
    t.row("common name not permitted", &[&elsewhere], &[&own(&elsewhere, &[], "db.test")], violated.clone()).await;
    t.row("common name permitted", &[&within], &[&own(&within, &[], "db.test")], Ok(())).await;
    let here = Made::root("Here", permitting(net(1)));
    t.named("permitted address", "127.0.0.1", &[&here], &[&own(&here, &["127.0.0.1"], "")], Ok(())).await;
    let there = Made::root("There", permitting(net(2)));
    t.named("address not permitted", "127.0.0.1", &[&there], &[&own(&there, &["127.0.0.1"], "")], violated.clone()).await;
    t.row("addresses constrained, names free", &[&there], &[&own(&there, &["db.test"], "")], Ok(())).await;
    let root = Made::root("Root", plain);
    let one = root.intermediate("One", permitting(dns("example.test")));
    t.row("constraint of an intermediate", &[&root], &[&one.leaf(plain), &one], violated.clone()).await;
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::OrganizationName, "Shop");
    let shop = Made::root("Shop", permitting(vec![GeneralSubtree::DirectoryName(name)]));
    t.row("subject not permitted", &[&shop], &[&shop.leaf(plain)], violated).await;
    let in_shop = shop.leaf(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "shop");
        params.distinguished_name.push(DnType::CommonName, "db.test");
    });
    t.row("subject permitted", &[&shop], &[&in_shop], Ok(())).await;
}
