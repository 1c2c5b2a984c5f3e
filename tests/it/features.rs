//! What users of such providers ask for, and the tests that show it. The table is checked: each test must exist.

use std::fs;
use std::path::Path;

/// Features of a credential's life, each with a test of the form `module::function`, modules nested.
const FEATURES: [(&str, &str); 33] = [
    ("create, update, delete with minimal requests", "lifecycle::a_changed_credential_sends_all_of_them"),
    ("write-only password", "write_only::the_record_is_no_password"),
    ("version argument", "lifecycle::a_new_version_sends_the_write_only_password_and_zero_counts"),
    ("automatic change detection without version", "write_only::another_password_is_noticed_and_the_plan_shows_it"),
    ("plain password for old cores", "lifecycle::a_plain_password_is_sent_when_it_changes"),
    ("password never in state, plan, log", "secrets::no_secret_is_in_any_file_or_in_the_most_verbose_log"),
    ("state after a failed update", "write_only::a_failed_update_is_planned_again"),
    ("send password only when needed", "write_only::the_password_moves_between_its_arguments_without_being_sent"),
    ("rename without touching the database", "lifecycle::a_rename_sends_the_name_and_opens_no_database_connection"),
    ("field-level drift", "lifecycle::a_change_made_outside_shows_as_that_field_and_is_repaired"),
    ("gateway, repeated with every credential", "managed::a_hand_over_behind_a_gateway_names_the_gateway_again"),
    ("password drift signal", "drift::a_password_that_still_works_is_stored_again"),
    ("tell which side is stale", "drift::a_password_that_is_stale_is_told_and_not_sent"),
    ("platform-managed credentials", "managed::a_managed_connection_lives_from_create_to_destroy"),
    (
        "import by id, by name, by project and name",
        "import::each_form_finds_its_connection_and_the_plan_after_it_is_empty",
    ),
    ("predictable plan after import", "import::the_first_password_after_an_import_is_one_update"),
    ("generated config after import", "import::a_generated_configuration_is_valid_and_its_plan_is_empty"),
    ("resource identity", "newer_core::identities_have_a_schema_and_an_answer_keeps_them"),
    ("list resource", "newer_core::a_list_names_the_connections_of_a_scope_with_one_call"),
    (
        "pre-check before the irreversible change",
        "managed::a_role_that_cannot_be_quoted_and_a_name_that_is_taken_leave_the_role_alone",
    ),
    ("the role is looked at before it is handed over", "managed::a_role_whose_password_cannot_be_changed_is_refused"),
    ("warn that managed mode cannot be undone", "managed::it_can_be_turned_on_later_and_the_flag_is_sent_once"),
    ("refuse hopeless replacement", "managed::replacing::a_replacement_needs_a_password_that_works"),
    ("adopt our own lost create", "lost_answers::a_created_connection_is_found_again_and_kept"),
    (
        "what became of the role when a hand-over was lost",
        "managed::lost::an_answer_that_cannot_be_read_tells_of_the_role_and_the_printed_block_helps",
    ),
    (
        "name the object of a killed create",
        "kills::a_killed_provider_loses_nothing_and_the_printed_block_brings_it_back",
    ),
    ("nothing made twice", "lost_answers::two_hundred_creates_through_a_storm_end_with_each_once"),
    ("states of earlier versions", "moving::a_state_of_schema_version_0_stays_readable"),
    ("refuse foreign same-name object", "lost_answers::a_connection_that_existed_before_is_never_taken_over"),
    ("moved from the incumbents", "moving::a_connection_of_another_provider_moves_and_nothing_is_sent"),
    ("404 verified before dropping state", "lost_answers::a_404_of_somebody_else_never_drops_the_object"),
    ("delete of a missing object succeeds", "lifecycle::a_connection_deleted_outside_is_planned_again"),
    ("in-use delete explained", "lifecycle::a_connection_in_use_is_not_deleted_and_the_holders_are_named"),
];

#[test]
fn each_feature_has_its_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for (feature, test) in FEATURES {
        let (module, function) = test.rsplit_once("::").expect("a module and a function");
        let file = folder.join(format!("{}.rs", module.replace("::", "/")));
        let code = fs::read_to_string(file).expect("a module of tests");
        let exists = ["#[test]\nfn", "#[tokio::test]\nasync fn"];
        let exists = exists.iter().any(|start| code.contains(&format!("{start} {function}(")));
        assert!(exists, "{feature}: there is no test {test}");
    }
}
