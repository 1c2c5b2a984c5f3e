//! Obstacles to the change of a role's own password. Pure.

use super::facts::Facts;

/// A finding about the login role's own password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnPassword {
    /// The server knows the role by another name than the login used, and the change would name the one of the login.
    AnotherName {
        /// The server's.
        role: String,
    },
    /// Before 16 only superusers change roles with REPLICATION.
    Replication,
    /// Nothing can be changed in this session.
    ReadOnly {
        /// Because the server is a standby.
        standby: bool,
    },
    /// Amazon RDS reserves passwords for members of `rds_password`.
    PasswordCommandsRestricted,
    /// The change works, but VALID UNTIL stays: this is when the role is locked out.
    Expires {
        /// In the server's notation.
        when: String,
    },
}

impl Facts {
    /// The findings for a login as `username`.
    pub fn own_password(&self, username: &str) -> Vec<OwnPassword> {
        let session = &self.session;
        let mut found = Vec::new();
        if session.authorized_as != username {
            found.push(OwnPassword::AnotherName { role: session.authorized_as.clone() });
        }
        if session.replication && !session.superuser && !self.wants_admin() {
            found.push(OwnPassword::Replication);
        }
        if session.password_commands_restricted && !session.superuser {
            found.push(OwnPassword::PasswordCommandsRestricted);
        }
        if session.standby || session.read_only {
            found.push(OwnPassword::ReadOnly { standby: session.standby });
        }
        found.extend(session.valid_until.clone().map(|when| OwnPassword::Expires { when }));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::privileges::rules::tests::facts;

    #[test]
    fn what_keeps_a_platform_from_changing_the_password() {
        type Change = fn(&mut Facts);
        let cases: [(u32, Change, Vec<OwnPassword>); 9] = [
            (150_018, |_| {}, Vec::new()),
            (
                150_018,
                |facts| facts.session.authorized_as = "login.project".to_owned(),
                vec![OwnPassword::AnotherName { role: "login.project".to_owned() }],
            ),
            (150_018, |facts| facts.session.replication = true, vec![OwnPassword::Replication]),
            (160_014, |facts| facts.session.replication = true, Vec::new()),
            (150_018, |facts| (facts.session.replication, facts.session.superuser) = (true, true), Vec::new()),
            (180_004, |facts| facts.session.standby = true, vec![OwnPassword::ReadOnly { standby: true }]),
            (180_004, |facts| facts.session.read_only = true, vec![OwnPassword::ReadOnly { standby: false }]),
            (
                170_010,
                |facts| facts.session.password_commands_restricted = true,
                vec![OwnPassword::PasswordCommandsRestricted],
            ),
            (
                170_010,
                |facts| facts.session.valid_until = Some("2030-01-01 00:00:00+00".to_owned()),
                vec![OwnPassword::Expires { when: "2030-01-01 00:00:00+00".to_owned() }],
            ),
        ];
        for (version, change, expected) in cases {
            let mut facts = facts(version);
            change(&mut facts);
            assert_eq!(facts.own_password("login"), expected);
        }
    }
}
