//! The expiry of `ssl_certificate`. Does not depend on servers or the KMS.

use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::provider::messages;
use crate::terraform::diagnostic::Diagnostic;

use crate::provider::resources::postgres_connection::model::ConnectionModel;

const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Returns a warning when all certificates expire within 30 days. Does not depend on a change, because a working connection is
/// rarely changed.
pub(crate) fn expires_soon(connection: &ConnectionModel, now: OffsetDateTime) -> Option<Diagnostic> {
    let used = |flag: &crate::terraform::model::Field<bool>| flag.known() != Some(&false);
    if !used(&connection.ssl_enabled) || !used(&connection.ssl_reject_unauthorized) {
        return None;
    }
    let end = connection.ssl_certificate.known()?.certificates().ok()?.expire_at()?;
    if end - now > SOON {
        return None;
    }
    let day = end.format(format_description!("[year]-[month]-[day]")).ok()?;
    Some(messages::certificate_expires(connection.title(), &day, (end - now).try_into().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::Certificates;
    use crate::terraform::model::Field;

    #[test]
    fn warns_only_about_used_certificates_that_expire_soon() {
        let pem = include_str!("../../../../../tests/support/ca.pem");
        let end = Certificates::parse(pem).unwrap().expire_at().unwrap();
        for (days_left, enabled, rejects, expected) in [
            (31, true, true, None),
            (29, true, true, Some("Certificate expires soon: `ssl_certificate` of orders-db")),
            (-1, true, true, Some("Certificate has expired: `ssl_certificate` of orders-db")),
            (1, false, true, None),
            (1, true, false, None),
        ] {
            let connection = ConnectionModel {
                name: Field::Known("orders-db".to_owned().into()),
                ssl_certificate: Field::Known(pem.to_owned().into()),
                ssl_enabled: Field::Known(enabled),
                ssl_reject_unauthorized: Field::Known(rejects),
                ..ConnectionModel::default()
            };
            let warning = expires_soon(&connection, end - time::Duration::days(days_left));
            assert_eq!(warning.map(|warning| warning.summary).as_deref(), expected, "{days_left} {enabled} {rejects}");
        }
    }
}
