//! A soak test: connections from create to destroy while 30 % of all requests fail at random and the provider is killed now
//! and then. Each step is repeated until it succeeds. In the end no connection is lost, none exists twice, and the state is
//! what the KMS holds. A seed draws the same faults for each connection and operation, and the same times of the kills:
//!
//! ```text
//! KMS_SOAK=300 KMS_SOAK_SEED=4711 cargo test --test it soak -- --nocapture
//! ```
#![expect(clippy::print_stdout, reason = "figures for the user")]

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::kills::{eventually, providers, signal};
use crate::support::kms::Storm;
use crate::support::scale;
use crate::support::scene::{PASSWORD, Scene};
use crate::support::terraform::Output;

/// Always the same, so that a failure belongs to a change of the code.
const DEFAULT_SEED: u64 = 21;
/// A step that takes more rounds does not converge.
const MAX_ROUNDS: usize = 100;
/// Of the requests that fail.
const PERCENT: u8 = 30;
const NEW_PASSWORD: &str = "another-s3cret-of-the-role";

#[cfg_attr(not(target_os = "linux"), ignore = "finds processes in /proc")]
#[test]
fn converges_through_random_faults_and_kills() {
    let count = variable("KMS_SOAK").unwrap_or(scale(4, 12));
    let seed = variable("KMS_SOAK_SEED").unwrap_or(DEFAULT_SEED);
    println!("KMS_SOAK={count} KMS_SOAK_SEED={seed}");
    let mut soak = Soak::new(count, seed);

    soak.configure("orders", "1");
    soak.until_done("create", "apply", PERCENT);
    soak.matches_the_kms("orders", PASSWORD);
    soak.plan_during_faults("plan after create");

    soak.configure("renamed", "1");
    soak.until_done("rename", "apply", PERCENT);
    soak.matches_the_kms("renamed", PASSWORD);

    soak.change_password();
    soak.configure("renamed", "2");
    soak.until_done("change", "apply", PERCENT);
    soak.matches_the_kms("renamed", NEW_PASSWORD);
    soak.plan_during_faults("plan after change");

    soak.until_done("destroy", "destroy", PERCENT);
    assert_eq!(soak.scene.kms.connections(), Vec::<Json>::new());
    assert_eq!(soak.scene.workspace.objects(), Vec::<Json>::new());
    soak.report();
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

struct Soak {
    scene: Scene,
    count: usize,
    seed: u64,
    start: Instant,
    rounds: BTreeMap<&'static str, usize>,
    kills: usize,
    /// The import blocks that were printed, by the index of the connection.
    printed: BTreeMap<usize, String>,
    /// How many of them are pasted at once: fewer after a plan that failed over them.
    batch: usize,
}

impl Soak {
    fn new(count: usize, seed: u64) -> Self {
        let mut scene = Scene::new();
        scene.workspace.set("KMS_REQUEST_TIMEOUT", "2s");
        Self {
            scene,
            count,
            seed,
            start: Instant::now(),
            rounds: BTreeMap::new(),
            kills: 0,
            printed: BTreeMap::new(),
            batch: 4,
        }
    }

    fn configure(&self, name: &str, version: &str) {
        self.scene.configure_with(
            &[
                ("name", &format!("\"{name}-${{count.index}}\"")),
                ("description", &format!("\"number ${{count.index}} of {name}\"")),
                ("password_wo_version", version),
            ],
            &format!("count = {}", self.count),
        );
    }

    fn change_password(&mut self) {
        self.scene.postgres.sql(&format!("ALTER ROLE {} PASSWORD '{NEW_PASSWORD}'", self.scene.role));
        self.scene.workspace.set("TF_VAR_password", NEW_PASSWORD);
    }

    /// Repeats a command during random faults until it succeeds. Every second round does not refresh, because a refresh
    /// fails with each of its reads.
    fn until_done(&mut self, step: &'static str, command: &str, percent: u8) {
        self.scene.kms.set_storm(Storm::usual(percent, self.draw(step, 0).random()));
        for round in 0.. {
            assert!(round < MAX_ROUNDS, "`{step}` does not converge; KMS_SOAK_SEED={}", self.seed);
            *self.rounds.entry(step).or_default() += 1;
            let refresh = if round % 2 == 0 { "-refresh=true" } else { "-refresh=false" };
            let kill = self.time_of_kill(step, round);
            let output = self.run_and_kill(&[command, "-no-color", "-input=false", "-auto-approve", refresh], kill);
            println!("{step} {round}: {:?} after {:.0?}", output.code, self.start.elapsed());
            if output.code == Some(0) {
                break;
            }
            self.paste_imports(&output);
        }
        self.scene.kms.stop_failing();
        self.printed.clear();
        self.scene.workspace.write("imports.tf", "");
    }

    /// Random numbers of one round, which depend on the seed alone, not on the rounds before.
    fn draw(&self, step: &str, round: usize) -> StdRng {
        StdRng::from_seed(Sha256::digest(format!("{} {step} {round}", self.seed)).into())
    }

    /// Every second round the provider is killed at some time.
    fn time_of_kill(&self, step: &str, round: usize) -> Option<Duration> {
        let mut random = self.draw(step, round + 1);
        let longest = 3000 + 20 * self.count as u64;
        random.random_bool(0.5).then(|| Duration::from_millis(random.random_range(100..longest)))
    }

    /// Runs a command, and kills the provider after that time.
    fn run_and_kill(&mut self, arguments: &[&str], after: Option<Duration>) -> Output {
        let scene = &self.scene;
        let (output, killed) = std::thread::scope(|scope| {
            let (done, wait) = channel::<()>();
            let killer = scope.spawn(move || {
                let Some(after) = after else { return 0 };
                if wait.recv_timeout(after) != Err(RecvTimeoutError::Timeout) {
                    return 0;
                }
                let victims = providers(scene);
                victims.iter().for_each(|pid| signal("KILL", *pid));
                victims.len()
            });
            let output = scene.workspace.run(arguments);
            drop(done);
            (output, killer.join().unwrap())
        });
        // The KMS still carries out what a killed provider has requested. The next run is not to race with that.
        eventually("an idle KMS", || scene.kms.in_flight() == 0);
        self.kills += killed;
        let state = std::fs::read_to_string(scene.workspace.path().join("terraform.tfstate")).unwrap_or_default();
        for bad in ["tainted", "panicked", "inconsistent", "internal error"] {
            let found = format!("{}{state}", output.text).contains(bad);
            assert!(!found, "{bad}; KMS_SOAK_SEED={}\n{}", self.seed, output.text);
        }
        output
    }

    /// Does what the messages of lost creates ask for.
    fn paste_imports(&mut self, output: &Output) {
        self.printed.extend(printed_blocks(&output.words()));
        let known = self.scene.workspace.objects();
        self.printed.retain(|_, id| !known.iter().any(|object| object["id"] == *id));
        let planned = output.text.contains("Plan: ");
        self.batch = if planned { self.count.min(self.batch * 2) } else { self.batch.div_ceil(2) };
        let block = |(index, id): (&usize, &String)| {
            format!("import {{\n  to = kms_postgres_connection.orders[{index}]\n  id = \"{id}\"\n}}\n")
        };
        let blocks: String = self.printed.iter().take(self.batch).map(block).collect();
        self.scene.workspace.write("imports.tf", &blocks);
    }

    /// Each connection exists once, and the state is what the KMS holds; compared without faults.
    fn matches_the_kms(&self, name: &str, password: &str) {
        let stored = self.scene.kms.connections();
        let known = self.scene.workspace.objects();
        assert_eq!((stored.len(), known.len()), (self.count, self.count), "KMS_SOAK_SEED={}", self.seed);
        for index in 0..self.count {
            let name = json!(format!("{name}-{index}"));
            let row = stored.iter().find(|row| row["name"] == name).expect("a row of that name");
            let object = known.iter().find(|object| object["name"] == name).expect("an object of that name");
            let (shown, held) = (shown(object), held(row));
            for (field, value) in held.as_object().expect("an object") {
                assert_eq!(&shown[field], value, "`{field}` of {name}; KMS_SOAK_SEED={}", self.seed);
            }
            assert_eq!(row["credentials"]["password"], password);
        }
        self.scene.is_settled();
    }

    /// Plans during random faults change nothing.
    fn plan_during_faults(&mut self, step: &'static str) {
        let before = self.scene.kms.connections();
        self.scene.kms.set_storm(Storm::usual(PERCENT, self.draw(step, 0).random()));
        for round in 0..2 {
            *self.rounds.entry("plan").or_default() += 1;
            let kill = self.time_of_kill(step, round);
            let plan = self.run_and_kill(&["plan", "-no-color", "-input=false", "-detailed-exitcode"], kill);
            if plan.code == Some(0) {
                *self.rounds.entry("plan that succeeded").or_default() += 1;
            }
        }
        self.scene.kms.stop_failing();
        assert_eq!(self.scene.kms.connections(), before);
        self.scene.is_settled();
    }

    fn report(&self) {
        let faults = self.scene.kms.faults_met();
        println!(
            "soak of {} connections, seed {}: {:.0?}, {} requests, {} of them failed on purpose, {} providers killed\n\
             rounds: {:?}\nfaults: {faults:?}",
            self.count,
            self.seed,
            self.start.elapsed(),
            self.scene.kms.requests().len(),
            faults.values().sum::<usize>(),
            self.kills,
            self.rounds,
        );
    }
}

/// The fields of the connection in an object of the state.
fn shown(object: &Json) -> Json {
    json!({
        "id": object["id"], "name": object["name"], "description": object["description"], "method": object["method"],
        "orgId": object["org_id"], "projectId": object["project_id"], "createdAt": object["created_at"],
        "gatewayId": object["gateway_id"], "credentialsHash": object["credentials_hash"],
        "isPlatformManagedCredentials": object["is_platform_managed_credentials"],
        "credentials": {
            "host": object["host"], "port": object["port"], "database": object["database"], "username": object["username"],
            "sslEnabled": object["ssl_enabled"], "sslRejectUnauthorized": object["ssl_reject_unauthorized"],
            "sslCertificate": object["ssl_certificate"].as_str().map(str::trim),
        },
    })
}

/// The same of what the service holds.
fn held(row: &Json) -> Json {
    let mut row = row.clone();
    let fields = row.as_object_mut().expect("an object");
    fields.retain(|name, _| !["app", "version", "updatedAt"].contains(&name.as_str()));
    row["credentials"].as_object_mut().expect("an object").remove("password");
    row
}

/// The connections that error messages speak of, with the ids of their import blocks.
fn printed_blocks(words: &str) -> Vec<(usize, String)> {
    let messages = words.split("Error: ").skip(1);
    messages
        .filter_map(|message| {
            let index =
                message.split("with kms_postgres_connection.orders[").nth(1)?.split(']').next()?.parse().ok()?;
            let id = message.split("id = \"").nth(1)?.split('"').next()?.to_owned();
            Some((index, id))
        })
        .collect()
}
