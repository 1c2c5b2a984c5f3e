//! A slow, salted, short digest of a password, which shows that a password has changed.
//!
//! The fingerprint of a write-only password is stored in the private data, which all readers of the state can read. Each guess
//! costs one run of Argon2id, the salt makes fingerprints of equal passwords different, and only 24 bits are stored: one of 16
//! million passwords matches by chance, so that a match does not confirm a guess. A short or common password can still be
//! guessed, so that a connection with `password_wo_version` has no fingerprint.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use tokio::sync::Semaphore;

use crate::crypto;
use crate::secret::Secret;

/// The prefix of each fingerprint. A fingerprint with another prefix matches no password.
const FORMAT: &str = "1";

/// A tenth of the memory of the second recommended option of RFC 9106: a plan computes many fingerprints.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;

const SALT: usize = 16;

/// The number of bytes of a digest that are stored.
const STORED: usize = 3;

/// Computes fingerprints, each on its own thread and at most one per core at a time.
pub(crate) struct Fingerprints {
    cores: Arc<Semaphore>,
    /// Memory that is reused. New memory for each fingerprint would stay with the thread that allocated it: 250 MB for a plan
    /// of a thousand passwords.
    memory: Arc<Mutex<Vec<Memory>>>,
}

/// The working memory of one run of Argon2id.
type Memory = Vec<Block>;

impl Default for Fingerprints {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { cores: Arc::new(Semaphore::new(cores)), memory: Arc::default() }
    }
}

impl Fingerprints {
    /// Returns the fingerprint of a password with a new salt, or `None` if the system has no memory or no randomness left.
    pub(crate) async fn take(&self, password: &Secret) -> Option<String> {
        let salt = crypto::random::<SALT>()?;
        let digest = self.digest(password, salt).await?;
        Some(format!("{FORMAT}${}${}", BASE64.encode(salt), BASE64.encode(digest)))
    }

    /// Returns whether a password has this fingerprint. A fingerprint of another format matches no password.
    pub(crate) async fn matches(&self, fingerprint: &str, password: &Secret) -> bool {
        let Some((salt, stored)) = parse(fingerprint) else { return false };
        self.digest(password, salt).await == Some(stored)
    }

    async fn digest(&self, password: &Secret, salt: [u8; SALT]) -> Option<[u8; STORED]> {
        // The semaphore is never closed.
        let core = Arc::clone(&self.cores).acquire_owned().await;
        let (password, spare) = (password.clone(), Arc::clone(&self.memory));
        let work = move || {
            let mut memory = spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let digest = digest(&password.trimmed(), salt, &mut memory);
            // Data derived from a password must not stay in memory.
            memory.fill(Block::new());
            spare.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            // Held until the thread is done, even if the caller was dropped.
            drop(core);
            digest
        };
        tokio::task::spawn_blocking(work).await.ok()?
    }
}

fn digest(password: &Secret, salt: [u8; SALT], memory: &mut Memory) -> Option<[u8; STORED]> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    let blocks = params.block_count();
    memory.try_reserve_exact(blocks.saturating_sub(memory.len())).ok()?;
    memory.resize(blocks, Block::new());
    let mut digest = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.expose().as_bytes(), &salt, &mut digest, memory.as_mut_slice())
        .ok()?;
    digest.first_chunk().copied()
}

fn parse(fingerprint: &str) -> Option<([u8; SALT], [u8; STORED])> {
    let (salt, digest) = fingerprint.strip_prefix(FORMAT)?.strip_prefix('$')?.split_once('$')?;
    let bytes = |text: &str| BASE64.decode(text).ok();
    Some((bytes(salt)?.try_into().ok()?, bytes(digest)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn matches_only_its_password_and_stores_24_bits() {
        let fingerprints = Fingerprints::default();
        let secret = Secret::new("correct horse");
        let one = fingerprints.take(&secret).await.unwrap();
        let two = fingerprints.take(&secret).await.unwrap();
        assert_ne!(one, two, "the salt");
        assert_eq!(one.len(), "1$".len() + 22 + "$".len() + 4);
        assert!(fingerprints.matches(&one, &secret).await);
        assert!(fingerprints.matches(&two, &Secret::new(" correct horse\n")).await, "the service trims");
        assert!(!fingerprints.matches(&one, &Secret::new("Correct horse")).await);
        for broken in ["", "1", "1$", "2$AAAAAAAAAAAAAAAAAAAAAA$AAAA", "1$AA$AAAA", "1$AAAAAAAAAAAAAAAAAAAAAA$", "x"] {
            assert!(!fingerprints.matches(broken, &secret).await, "{broken}");
        }
    }

    #[tokio::test]
    async fn concurrent_fingerprints_reuse_cleared_memory() {
        let fingerprints = Fingerprints::default();
        let secrets: Vec<_> = (0..12).map(|index| Secret::new(format!("password {index}"))).collect();
        let taken = futures_util::future::join_all(secrets.iter().map(|secret| fingerprints.take(secret))).await;
        for (index, one) in taken.iter().enumerate() {
            let one = one.as_deref().unwrap();
            assert!(fingerprints.matches(one, &secrets[index]).await);
            assert!(!fingerprints.matches(one, &secrets[(index + 1) % 12]).await);
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let memory = fingerprints.memory.lock().unwrap();
        assert!((1..=cores).contains(&memory.len()));
        let is_clear = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
        assert!(memory.iter().flatten().all(is_clear), "data derived from a password stays in memory");
    }

    #[tokio::test]
    async fn dropped_caller_holds_its_core_while_its_thread_runs() {
        let fingerprints = Fingerprints::default();
        let cores = fingerprints.cores.available_permits();
        let secret = Secret::new("correct horse");
        let taking = fingerprints.take(&secret);
        // Polled once, so that the thread has begun, and dropped.
        assert!(futures_util::FutureExt::now_or_never(taking).is_none());
        assert_eq!(fingerprints.cores.available_permits(), cores - 1);
        let _all = fingerprints.cores.acquire_many(u32::try_from(cores).unwrap()).await.unwrap();
    }
}
