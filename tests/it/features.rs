//! What users of such providers ask for, and the tests that show it. The table is checked: each test must exist.

use std::fs;
use std::path::Path;

/// Features of a credential's life, each with a test of the form `module::function`, modules nested.
const FEATURES: [(&str, &str); 33] = [
    ("create, update, delete with minimal requests", "lifecycle::changed_credential_sends_all_credentials"),
    ("write-only password", "write_only::private_state_does_not_reveal_the_password"),
    ("version argument", "lifecycle::new_version_sends_write_only_password_even_if_zero"),
    ("automatic change detection without version", "write_only::plan_shows_changed_password"),
    ("plain password for old cores", "lifecycle::sends_plain_password_when_it_changes"),
    ("password never in state, plan, log", "secrets::no_secret_is_in_any_file_or_trace_log"),
    ("state after a failed update", "write_only::failed_update_is_planned_again"),
    ("send password only when needed", "write_only::moving_password_between_arguments_sends_nothing"),
    ("rename without touching the database", "lifecycle::rename_sends_only_the_name_and_makes_no_login"),
    ("field-level drift", "lifecycle::outside_change_shows_as_that_field_and_is_repaired"),
    ("gateway, repeated with every credential", "managed::password_transfer_behind_gateway_names_the_gateway"),
    ("password drift signal", "drift::stores_working_password_again_after_drift"),
    ("tell which side is stale", "drift::reports_stale_password_without_sending_it"),
    ("platform-managed credentials", "managed::creates_and_destroys_managed_connection"),
    ("import by id, by name, by project and name", "import::each_import_id_form_leads_to_an_empty_plan"),
    ("predictable plan after import", "import::first_password_after_import_is_one_update"),
    ("generated config after import", "import::generated_configuration_is_valid_and_its_plan_empty"),
    ("resource identity", "identity_and_list::responses_carry_identity_of_the_schema"),
    ("list resource", "identity_and_list::list_names_connections_of_a_scope_with_one_request"),
    ("pre-check before the irreversible change", "managed::unquotable_role_or_taken_name_leaves_role_unchanged"),
    ("check the role before the transfer of its password", "managed::rejects_role_whose_password_cannot_be_changed"),
    ("warn that managed mode cannot be undone", "managed::turning_it_on_later_sends_the_flag_once"),
    ("refuse hopeless replacement", "managed::replacement::replacement_needs_a_working_password"),
    ("adopt our own lost create", "lost_responses::finds_and_keeps_connection_of_a_lost_create"),
    (
        "role state after a lost transfer of the password",
        "managed::lost_responses::unreadable_create_response_reports_role_and_import_block",
    ),
    ("name the object of a killed create", "kills::import_block_restores_connection_of_killed_provider"),
    ("nothing made twice", "lost_responses::creates_each_connection_once_through_random_faults"),
    ("states of earlier versions", "move_state::reads_state_of_schema_version_0"),
    ("refuse foreign same-name object", "lost_responses::never_adopts_connection_that_existed_before"),
    ("moved from the incumbents", "move_state::moves_state_of_another_provider_without_requests"),
    ("404 verified before dropping state", "lost_responses::foreign_404_never_removes_the_connection"),
    ("delete of a missing object succeeds", "lifecycle::connection_deleted_outside_is_planned_again"),
    ("in-use delete explained", "lifecycle::keeps_connection_in_use_and_names_its_users"),
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
