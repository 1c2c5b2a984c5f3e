//! What holds for every login holds for managed connections, too: none with a dead password, and none past the allow list.

use super::{MANAGED, PATH, failures, managed, takes};
use crate::support::kms::Fault;
use crate::support::scene::{PASSWORD, Scene};

#[test]
fn makes_no_login_as_a_managed_role() {
    for mode in ["plan", "apply"] {
        let scene = managed();
        let before = (scene.logins(), failures(&scene));
        let block = format!(
            "validation {{\n    mode = {mode:?}\n    rotation_roles = [\"app\"]\n    privileges = \"error\"\n  }}"
        );
        scene.configure_with(&[MANAGED], &block);
        let said = scene.workspace.apply().expect(0);
        said.shows(&["1 changed", "only the KMS has the password of the connection's role", "GRANT"]);
        scene.is_settled();
        assert_eq!((scene.logins(), failures(&scene)), before, "{mode}");
        assert!(scene.bodies("PATCH", PATH).is_empty());
    }
}

/// The KMS reaches the host; this machine must not, also after the request.
#[test]
fn does_not_contact_host_outside_the_allow_list() {
    let mut scene = Scene::new();
    scene.workspace.set("KMS_VALIDATION_HOSTS", "db.example.com");
    scene.configure(&[MANAGED]);
    scene.kms.fail("POST", PATH, 1, Fault::Garbage);
    let said = scene.workspace.apply().expect(1);
    said.shows(&[
        "could not check whether the KMS has changed",
        "`KMS_VALIDATION_HOSTS` does not list the host",
        "import {",
    ]);
    // The KMS has changed the password, so a login would have been refused.
    assert_eq!(failures(&scene), 0);
    assert!(!takes(&scene, PASSWORD));
}
