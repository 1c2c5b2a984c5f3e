//! Every way to fail, as `terraform plan` tells it: the exact words for each row, one table per kind of server.
//!
//! A table is one configuration with a connection per row, planned once. What is alike in all texts (who was asked, when
//! and from where, how to go on) is asserted by `rows`; the snapshots hold the rest. `UPDATE_EXPECT=1` writes them anew:
//! read them then, first line first.
//!
//! | table | server |
//! |---|---|
//! | `roles` | a real PostgreSQL: the role, its password, the database |
//! | `access` | a real PostgreSQL: access rules, methods, full servers |
//! | `certificates` | scripted ones, each with a certificate of its own |
//! | `pooler` | a real PgBouncer |
//! | `network` | nothing, silence, other protocols, broken TLS |
//! | `services` | error texts of managed services and other products |
//! | `hostile` | servers that want to harm |
//!
//! RADIUS and GSSAPI are scripted: a real one needs a server of its own besides PostgreSQL, and PostgreSQL says the same
//! whatever that one does. Managed services are scripted in the words of their documentation. A real standby is in
//! `standby`.
//!
//! The scripted servers, here and in `postgres_login_scripted`:
//!
//! | what it does | tables |
//! |---|---|
//! | silent: at once, without TLS, after `S`, in the TLS handshake, inside TLS, in SCRAM, after the login, before the query's answer | `network`, `postgres_login_scripted` |
//! | one byte at a time; half an error; an error without end | `network`, `postgres_login_scripted` |
//! | closes at once, after the startup, after `S`, inside TLS; resets with and without TLS asked for | `network`, `postgres_login_scripted` |
//! | HTTP, SSH, MySQL, Redis, SMTP, TLS at once, unknown bytes, `S` and garbage in one piece or two | `network`, `postgres_login_scripted` |
//! | `N`; an error in place of the answer, new or of protocol 2; alerts for old ciphers and for a client certificate | `network`, `postgres_login_scripted` |
//! | trusts everybody; asks for clear text or MD5, in the open, over any TLS, over verified TLS | `network`, `access`, `hostile`, `postgres_login_scripted` |
//! | GSSAPI, OAuth, method 13, RADIUS, PAM; 28000, 57P03, 57P01, 53200, 22023; 8-bit text before and after the login | `services` |
//! | Amazon RDS and its proxy, Azure, Supabase (three texts), Neon, Redshift, CockroachDB; four texts of PgBouncer | `services` |
//! | SCRAM: wrong, empty, missing or refused proof; wrong nonce; no, one, 20 million or countless iterations; clear text at last | `hostile` |
//! | repeats the password, drives the terminal, says too much in one message, in one text or in notices without end | `hostile`, `postgres_login_scripted` |
//! | errors without SQLSTATE, with a false one, without anything; a length of nothing; nonsense after a good beginning | `hostile` |

mod access;
mod certificates;
mod hostile;
mod network;
mod pooler;
mod roles;
mod rows;
mod services;
