//! The server's own certificate: names, self-signed shapes, purposes, keys and hashes.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Purpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use terraform_provider_kms::postgres::Fault::{
    Expired, NotSignedByIssuer, SelfSigned, WeakHash, WeakKey, WrongName, WrongPurpose,
};
use terraform_provider_kms::postgres::Link::{Root, Server};

use super::Table;
use super::shapes::{Made, days, params, plain};

pub(crate) async fn fill(t: &mut Table) {
    names(t).await;
    alone(t).await;
    purposes(t).await;
    keys(t).await;
    t.only_tls12 = true;
    tls12(t).await;
    t.only_tls12 = false;
}

fn fresh() -> KeyPair {
    KeyPair::generate().unwrap()
}

#[rustfmt::skip]
async fn names(t: &mut Table) {
    let root = Made::root("Root", plain);
    let of = |names: &[&str], common: &str| root.sign(params(common, names), fresh(), plain);
    let wrong = Err((WrongName, Server));
    let table: [(&'static str, &'static str, &[&str], &str, bool); 25] = [
        ("common name alone", "db.test", &[], "db.test", true),
        ("common name of another", "db.test", &[], "other.test", false),
        ("common name besides an address", "db.test", &["10.0.0.1"], "db.test", true),
        ("common name besides another DNS name", "db.test", &["other.test"], "db.test", false),
        ("several DNS names", "db.test", &["other.test", "db.test"], "other.test", true),
        ("no name at all", "db.test", &[], "", false),
        ("upper case in the certificate", "db.test", &["DB.Test"], "", true),
        ("upper case in the host", "DB.TEST", &["db.test"], "", true),
        ("final dot in the host", "db.test.", &["db.test"], "", true),
        ("final dot in the certificate", "db.test", &["db.test."], "", true),
        ("underscore", "db_1.test", &["db_1.test"], "", true),
        ("asterisk", "a.db.test", &["*.db.test"], "", true),
        ("asterisk in the common name", "a.db.test", &[], "*.db.test", true),
        ("asterisk for two labels", "a.b.db.test", &["*.db.test"], "", false),
        ("asterisk for none", "db.test", &["*.db.test"], "", false),
        ("asterisk above one label", "db.test", &["*.test"], "", false),
        ("asterisk as a part", "ab.db.test", &["a*.db.test"], "", true),
        ("asterisk in an international label", "xn--ab.db.test", &["xn--*.db.test"], "", false),
        ("asterisk further right", "a.b.db.test", &["a.*.db.test"], "", false),
        ("two asterisks", "ab.db.test", &["*b*.db.test"], "", false),
        ("address", "127.0.0.1", &["127.0.0.1"], "", true),
        ("another address", "127.0.0.1", &["127.0.0.2"], "", false),
        ("address as common name", "127.0.0.1", &[], "127.0.0.1", false),
        ("host without a dot", "localhost", &["localhost"], "", true),
        ("address of version 6", "2001:db8::1", &["2001:db8::1"], "", true),
    ];
    for (name, host, names, common, accepted) in table {
        t.named(name, host, &[&root], &[&of(names, common)], if accepted { Ok(()) } else { wrong.clone() }).await;
    }
    let dns_address = root.leaf(|params| params.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())]);
    t.named("address as a DNS name", "127.0.0.1", &[&root], &[&dns_address], wrong).await;
    let mail = root.leaf(|params| params.subject_alt_names = vec![SanType::Rfc822Name("dba@db.test".try_into().unwrap())]);
    t.row("common name besides an e-mail address", &[&root], &[&mail], Ok(())).await;
    let two = |params: &mut CertificateParams| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "other.test");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "db.test");
    };
    t.row("two common names", &[&root], &[&root.leaf(two)], Ok(())).await;
}

#[rustfmt::skip]
async fn alone(t: &mut Table) {
    let alone = |change: fn(&mut CertificateParams)| Made::self_signed(params("db.test", &["db.test"]), fresh(), change);
    let authority = alone(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let root = Made::root("Root", plain);
    t.row("self-signed authority", &[&authority], &[&authority], Ok(())).await;
    t.named("self-signed authority, another host", "other.test", &[&authority], &[&authority], Err((WrongName, Server))).await;
    let denies = alone(|params| params.is_ca = IsCa::ExplicitNoCa);
    t.row("self-signed, no authority", &[&denies], &[&denies], Ok(())).await;
    let bare = alone(plain);
    t.row("self-signed, nothing declared", &[&bare], &[&bare], Ok(())).await;
    t.row("self-signed, not given", &[&root], &[&bare], Err((SelfSigned, Server))).await;
    t.add("self-signed, nothing given", "db.test", None, &[&authority], Err((SelfSigned, Server))).await;
    t.add("self-signed, nothing given, another host", "other.test", None, &[&authority], Err((WrongName, Server))).await;
    let old = Made::self_signed(params("db.test", &[]), fresh(), plain).version_1(None);
    t.row("self-signed, version 1", &[&old], &[&old], Ok(())).await;
    let signer = alone(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    t.row("self-signed, for signing certificates only", &[&signer], &[&signer], Err((WrongPurpose, Server))).await;
    let past = alone(|params| (params.not_before, params.not_after) = days(-10, -1));
    t.row("self-signed, expired", &[&past, &root], &[&past], Err((Expired, Server))).await;
    let child = root.leaf(plain).version_1(Some(&root));
    t.row("version 1, common name", &[&root], &[&child], Ok(())).await;
    t.named("version 1, another host", "other.test", &[&root], &[&child], Err((WrongName, Server))).await;
    let both = root.leaf(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    t.row("authority as a server", &[&root], &[&both], Ok(())).await;
    // Its name makes it look self-signed, until key identifiers, or keys of another kind, tell otherwise.
    let namesake = Made::self_signed(params("db.test", &[]), fresh(), super::shapes::authority);
    let other_kind = Made::self_signed(params("db.test", &[]), KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(), super::shapes::authority);
    let identified = |params: &mut CertificateParams| (params.use_authority_key_identifier_extension, params.is_ca) = (true, IsCa::ExplicitNoCa);
    t.row("named like its issuer", &[&namesake], &[&namesake.leaf(plain)], Err((NotSignedByIssuer, Server))).await;
    t.row("named like its issuer, told apart", &[&namesake], &[&namesake.leaf(identified)], Ok(())).await;
    t.row("named like its issuer, another kind of key", &[&other_kind], &[&other_kind.leaf(plain)], Ok(())).await;
    // The certificate given is another than the one sent, though its key is the same.
    t.row("self-signed, made anew", &[&bare.again(|params| params.not_after = days(0, 9).1)], &[&bare], Err((NotSignedByIssuer, Server))).await;
}

#[rustfmt::skip]
async fn purposes(t: &mut Table) {
    let root = Made::root("Root", plain);
    let wrong = Err((WrongPurpose, Server));
    for (name, purposes, expected) in [
        ("for clients", vec![Purpose::ClientAuth], wrong.clone()),
        ("for servers and clients", vec![Purpose::ClientAuth, Purpose::ServerAuth], Ok(())),
        ("for any purpose", vec![Purpose::Any], wrong.clone()),
        ("for an old kind of server", vec![Purpose::Other(vec![1, 3, 6, 1, 4, 1, 311, 10, 3, 3])], Ok(())),
    ] {
        t.row(name, &[&root], &[&root.leaf(|params| params.extended_key_usages = purposes)], expected).await;
    }
    for (name, usage, expected) in [
        ("key for signatures", KeyUsagePurpose::DigitalSignature, Ok(())),
        ("key for encipherment", KeyUsagePurpose::KeyEncipherment, Ok(())),
        ("key for agreement", KeyUsagePurpose::KeyAgreement, Ok(())),
        ("key for revocation lists", KeyUsagePurpose::CrlSign, wrong.clone()),
    ] {
        t.row(name, &[&root], &[&root.leaf(|params| params.key_usages = vec![usage])], expected).await;
    }
}

#[rustfmt::skip]
async fn keys(t: &mut Table) {
    let root = Made::root("Root", plain);
    let rsa = |algorithm, size| KeyPair::generate_rsa_for(algorithm, size).unwrap();
    let p521 = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
    for (name, key) in [
        ("P-384", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()),
        ("P-521", p521()),
        ("Ed25519", KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()),
        ("RSA-2048", rsa(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)),
    ] {
        let server = root.sign(params("db.test", &["db.test"]), key, plain);
        t.row(name, &[&root], &[&server], Ok(())).await;
        let above = Made::self_signed(params("Above", &[]), server.key(), super::shapes::authority);
        t.row(name, &[&above], &[&above.leaf(plain)], Ok(())).await;
    }
    for (name, algorithm) in [("RSA with SHA-384", &rcgen::PKCS_RSA_SHA384), ("RSA with SHA-512", &rcgen::PKCS_RSA_SHA512)] {
        let root = Made::self_signed(params("Root", &[]), rsa(algorithm, rcgen::RsaKeySize::_2048), super::shapes::authority);
        t.row(name, &[&root], &[&root.leaf(plain)], Ok(())).await;
    }
    const NAMES: &str = "subjectAltName=DNS:db.test";
    let new = |kind: &'static str, hash: &'static str| ["-newkey", kind, hash, "-addext", NAMES];
    let weak = |bits| Err((WeakKey { bits, everywhere: bits < 1024 }, Server));
    let sha1 = [&new("ec", "-sha1")[..], &["-pkeyopt", "ec_paramgen_curve:P-256"]].concat();
    t.row("SHA-1", &[&root], &[&Made::by_openssl("/CN=db.test", &sha1, Some(&root))], Err((WeakHash("SHA-1"), Server))).await;
    let old = Made::by_openssl("/CN=Old", &new("rsa:2048", "-sha1"), None);
    t.row("SHA-1 of the root by itself", &[&old], &[&Made::by_openssl("/CN=db.test", &new("rsa:2048", "-sha256"), Some(&old))], Ok(())).await;
    t.row("SHA-1 of a self-signed server by itself", &[&old], &[&old], Ok(())).await;
    let old = Made::by_openssl("/CN=Old", &new("rsa:2048", "-md5"), None);
    t.row("MD5", &[&old], &[&Made::by_openssl("/CN=db.test", &new("rsa:2048", "-md5"), Some(&old))], Err((WeakHash("MD5"), Server))).await;
    t.row("MD5 of the root by itself", &[&old], &[&Made::by_openssl("/CN=db.test", &new("rsa:2048", "-sha256"), Some(&old))], Ok(())).await;
    t.row("RSA-1024", &[&root], &[&Made::by_openssl("/CN=db.test", &new("rsa:1024", "-sha256"), Some(&root))], weak(1024)).await;
    t.row("RSA-768", &[&root], &[&Made::by_openssl("/CN=db.test", &new("rsa:768", "-sha256"), Some(&root))], weak(768)).await;
    let short = Made::by_openssl("/CN=Short", &new("rsa:1024", "-sha256"), None);
    t.row("root with RSA-1024", &[&short], &[&Made::by_openssl("/CN=db.test", &new("rsa:2048", "-sha256"), Some(&short))], Err((WeakKey { bits: 1024, everywhere: false }, Root))).await;
    let pss = [&new("rsa:2048", "-sha256")[..], &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]].concat();
    let pss_root = Made::by_openssl("/CN=PSS", &pss, None);
    t.row("RSA-PSS", &[&pss_root], &[&Made::by_openssl("/CN=db.test", &pss, Some(&pss_root))], Ok(())).await;
}

#[rustfmt::skip]
async fn tls12(t: &mut Table) {
    let root = Made::root("Root", plain);
    t.row("TLS 1.2, P-256", &[&root], &[&root.leaf(plain)], Ok(())).await;
    t.row("TLS 1.2, version 1", &[&root], &[&root.leaf(plain).version_1(Some(&root))], Ok(())).await;
    for (name, key) in [
        ("TLS 1.2, P-384", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap()),
        ("TLS 1.2, P-521", KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap()),
        ("TLS 1.2, Ed25519", KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()),
        ("TLS 1.2, RSA", KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap()),
    ] {
        t.row(name, &[&root], &[&root.sign(params("db.test", &["db.test"]), key, plain)], Ok(())).await;
    }
    let agreement = |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    t.row("TLS 1.2, key for agreement", &[&root], &[&root.leaf(agreement)], Err((WrongPurpose, Server))).await;
}
