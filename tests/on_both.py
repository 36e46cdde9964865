"""Which tests run on a server as well: in `make test` those that say the most of it, in `make both` all but those of files."""

ROOMS = (
    "tests/checking/",
    "tests/cli/",
    "tests/history/",
    "tests/http/",
    "tests/log/",
    "tests/samples/",
    "tests/transfer/",
    "tests/workbench/",
    "tests/test_records.py",
)
NO_STORE = (
    "tests/checking/test_differences.py",
    "tests/checking/test_lock.py",
    "tests/checking/test_model.py",
    "tests/cli/commands/test_help.py",
    "tests/cli/commands/test_scenarios.py",
    "tests/cli/commands/test_schema.py",
    "tests/cli/options/test_js",
    "tests/cli/options/test_keyvalue.py",
    "tests/cli/options/test_options.py",
    "tests/cli/printing/",
    "tests/cli/shell/test_app.py",
    "tests/cli/shell/test_other_words.py",
    "tests/cli/shell/test_plugin_search.py",
    "tests/cli/shell/test_typer",
    "tests/cli/test_hints.py",
    "tests/history/test_comparison.py",
    "tests/http/test_http_fuzz.py",
    "tests/http/test_http_gate.py",
    "tests/http/test_http_openapi.py",
    "tests/http/test_http_tracing.py",
    "tests/log/test_points.py",
    "tests/log/test_signed_note.py",
    "tests/samples/test_http",
    "tests/transfer/dialects/",
    "tests/transfer/test_redaction.py",
)
"""Tests of what opens no store, or only to have something to print."""
FILES = (
    "tests/cli/commands/test_copies.py",  # files, and a backup is one
    "tests/cli/commands/test_demo.py",  # the tour and the lessons are in files
    "tests/cli/commands/test_doctor.py",  # locks, modes and journals
    "tests/cli/commands/test_fork.py",  # a fork is a file
    "tests/cli/commands/test_impact_command.py",  # a project that is copied with its store
    "tests/cli/commands/test_init.py",  # a project begins in a file
    "tests/cli/commands/test_lessons.py",
    "tests/cli/commands/test_mirror.py",  # a mirror is a file
    "tests/cli/commands/test_planted_faults.py",  # a store that is copied beside each of them
    "tests/cli/commands/test_replaced_stores.py",  # what is put in the place of a file
    "tests/cli/commands/test_watch.py::test_a_store_that",  # it is moved, and replaced
    "tests/cli/shell/test_boundary.py",  # what is said of files
    "tests/cli/shell/test_completion.py",  # without the variables that tell of a server
    "tests/cli/shell/test_examples.py",  # the words of --help, which name files
    "tests/cli/test_deployments.py",  # programs of two versions
    "tests/cli/test_failing_output.py",
    "tests/cli/test_flipped_bits.py",
    "tests/cli/test_hostile_stores.py",  # made by hand with sqlite3
    "tests/cli/test_masked_copies.py",
    "tests/cli/test_masking.py",  # writes dozens of files; on a server: tests/cli/test_passwords.py
    "tests/history/test_what_if.py",  # a trial is a fork
    "tests/log/test_verification.py",  # manipulations of a file; those of a server are in tests/stores/postgres
    "tests/samples/test_users.py",  # its history is written by a script, with a path
    "tests/transfer/test_backup.py",
    "tests/transfer/test_fork.py",
    "tests/transfer/test_kills.py",
    "tests/cli/commands/test_check.py::test_a_store_that_is_no_store",
    "tests/cli/commands/test_ended.py::test_the_fork_of_a_trial_is_gone",
    "tests/cli/commands/test_foreign.py::test_a_log_of_another_domain_is_refused",  # looks that the file is the same
    "tests/cli/commands/test_generic.py::test_an_empty_folder",
    "tests/cli/commands/test_log.py::test_following_ends_when_nobody_reads",  # a pipeline of a shell begins it
    "tests/cli/commands/test_log.py::test_reading_never_makes_a_store",
    "tests/cli/commands/test_log.py::test_reading_leaves_the_file_as_it_was",
    "tests/cli/commands/test_looking_back.py::test_rows_as_they_were",
    "tests/cli/commands/test_migrate.py",  # has both of its own
    "tests/cli/commands/test_run.py::test_it_waits_for_a_store_that_is_not_there",
    "tests/cli/commands/test_send.py::test_a_dry_run_only_reads",
    "tests/cli/commands/test_send.py::test_a_store_is_made_for_a_command_that_appends",
    "tests/cli/commands/test_verify.py",  # changes by sqlite3
    "tests/cli/options/test_freshness.py::test_a_store_without_the_right_to_write",  # of a file
    "tests/cli/commands/test_ci.py::test_a_corpus_is_looked_at_before",  # a store is moved away
    "tests/cli/commands/test_ci.py::test_a_damaged_log",  # bytes of a file
    "tests/cli/commands/test_ci.py::test_a_new_project",  # a project begins in a file
    "tests/cli/commands/test_ci.py::test_a_part_that_was_asked_for",
    "tests/cli/commands/test_ci.py::test_all_parts_have_something",  # a project that is copied with its store
    "tests/cli/commands/test_ci.py::test_each_fault_is_found",
    "tests/cli/commands/test_ci.py::test_it_asks_no_network",  # as a server is asked by
    "tests/cli/commands/test_ci.py::test_nothing_is_written_to_a_store",
    "tests/cli/commands/test_ci.py::test_of_several_corpora",
    "tests/cli/commands/test_ci.py::test_one_run_writes_all_reports",
    "tests/cli/commands/test_ci.py::test_settings_that_can_not_be",
    "tests/cli/commands/test_ci.py::test_what_is_meant_does_not_fail",
    "tests/cli/commands/test_ci.py::test_what_old_and_new_code",
    "tests/cli/commands/test_corpus.py::test_it_is_written_to_the_folder_of_o",
    "tests/cli/commands/test_send.py::test_globals_before_and_after",  # three files
    "tests/cli/commands/test_send.py::test_that_a_store_was_made",
    "tests/samples/test_histories.py",  # histories are written by a script, with a path
    "tests/transfer/test_copy.py::test_a_fork_goes_on",  # a fork is a file
    "tests/transfer/test_copy.py::test_a_source_that_is_another_one",  # another file in its place
    "tests/transfer/test_server_copies.py",  # has both of its own
    "tests/transfer/test_interchange.py::test_another_log_of_the_same_name",  # another file
    "tests/transfer/test_interchange.py::test_a_narrowed_export",
    "tests/workbench/test_workbench.py::test_a_store_is_opened_by_path_or_url",
)
"""Tests of what is about files."""
SQLITE = (
    "tests/cli/commands/test_sql.py",  # a dialect; that of a server: tests/stores/postgres/test_sql.py
    "tests/checking/test_determinism.py",  # opens the store by the name that is shown
    "tests/cli/commands/test_check.py::test_all_parts_together",  # not all is looked at by a plan of PostgreSQL
    "tests/cli/commands/test_check.py::test_folds_that_come_to_the_same",
    "tests/cli/commands/test_clock.py",  # a store with another clock
    "tests/cli/commands/test_doctor_findings.py::test_a_projection_that_stopped",
    "tests/cli/commands/test_doctor_findings.py::test_a_chain_that_does_not_hold_at_its_end",
    "tests/cli/commands/test_explain.py::test_rows_without_a_query",  # the words of the plan
    "tests/cli/commands/test_foreign.py::test_a_check_of_nothing_is_no_yes",
    "tests/cli/commands/test_log.py::test_a_condition_on_data_that_is_no_json",
    "tests/cli/commands/test_pages.py::test_every_row_is_read_when_it_is_asked_for",  # counts in the class of SQLite
    "tests/cli/commands/test_project.py::test_a_projection_that_can_not_be_folded",
    "tests/cli/commands/test_project.py::test_a_row_that_was_changed_by_hand",
    "tests/cli/commands/test_project.py::test_a_sample_is_part_of_the_rows",
    "tests/cli/commands/test_project.py::test_a_table_of",
    "tests/cli/commands/test_project.py::test_drift_for_the_machines_that_watch",
    "tests/cli/commands/test_project.py::test_the_smallest_sample_has_a_row",
    "tests/cli/commands/test_rows.py::test_a_view_shows_the_rows_to_other_tools",
    "tests/cli/commands/test_rows.py::test_an_index_is_used",
    "tests/cli/commands/test_send.py::test_the_first_command_is_decided_once",  # counts reads of SQLite
    "tests/cli/commands/test_send.py::test_what_send_imports",
    "tests/cli/commands/test_snapshot.py::test_verify_finds_a_row_that_was_changed_by_hand",
    "tests/cli/commands/test_snapshot.py::test_untrusted_text_in_a_difference_is_inert",
    "tests/cli/commands/test_trace.py::test_neither_the_domain_nor_pydantic_is_loaded",
    "tests/http/test_http_operation.py::test_sql_reads",  # a dialect
    "tests/http/test_http_pages.py::test_sql",
    "tests/transfer/test_copy.py::test_it_goes_on_where_it_was",  # ends in the class of SQLite
    "tests/transfer/test_copy.py::test_a_store_that_knows_the_contract_alone",  # one made of that class
    "tests/cli/test_remarks.py::test_rows_of_another_python_are_called_that",
    "tests/workbench/processors/test_deadlines.py::test_a_clock_that_once_ran_ahead",
    "tests/workbench/processors/test_inline.py::test_of_two_that_are_sent_at_once",
    "tests/workbench/processors/test_inline.py::test_rows_are_there_with_the_commit",
    "tests/workbench/processors/test_loop.py::test_an_altered_table_is_no_events_fault",
    "tests/workbench/processors/test_projections.py::test_a_stored_row_that_no_longer_fits",
    "tests/workbench/processors/test_projections.py::test_a_table_that_was_altered",
    "tests/workbench/processors/test_projections.py::test_rows_and_checkpoint_are_one_transaction",
    "tests/workbench/processors/test_rebuild.py",  # other processes, and what SQLite keeps; tests/stores/postgres has its own
    "tests/workbench/processors/test_rows_of_their_own.py",  # comes in between in the class of SQLite
    "tests/workbench/processors/test_taken_in.py::test_an_alias_that_came_later",
    "tests/workbench/processors/test_taken_in.py::test_checkpoints_of_old",
    "tests/workbench/test_snapshots.py::test_a_long_stream_loads_in_the_time_of_its_tail",
    "tests/workbench/test_snapshots.py::test_a_snapshot_that_does_not_count",  # no JSON, which PostgreSQL does not take
    "tests/workbench/test_threads.py",  # turns at a stream, of which a server keeps no queue
)
"""Tests that change rows by sqlite3, count in the classes of SQLite, or have its words."""
BOTH = (
    "tests/cli/commands/test_process_rows.py",
    "tests/cli/commands/test_show.py",
    "tests/cli/commands/test_streams.py",
    "tests/cli/options/test_wait.py",
    "tests/http/test_http_commands.py",
    "tests/http/test_http_freshness.py::test_somebody_drops_the_table",
    "tests/http/test_http_queries.py",
    "tests/http/test_http_serving.py::test_followers_hear_each_event_once_in_order_whatever_breaks",
    "tests/http/test_http_serving.py::test_two_servers_on_one_store",
    "tests/log/test_letters.py",
    "tests/workbench/processors/test_inline.py",
    "tests/workbench/processors/test_loop.py",
    "tests/workbench/processors/test_process_manager.py",
    "tests/workbench/processors/test_projections.py",
    "tests/workbench/processors/test_reactions.py",
    "tests/workbench/test_batch.py",
    "tests/workbench/test_sender.py",
)
"""Tests that say the most of a store, for what they take."""


def kept_on_which(chosen: str, name: str, is_of_files: bool) -> tuple[str, ...]:
    """Where the stores of a test are, one after the other: "file", "server".

    chosen: by `--kept-on`. name: of the test, `tests/cli/test_x.py::test_y`. is_of_files: it is marked so.
    """
    may = name.startswith(ROOMS) and not is_of_files and not name.startswith((*NO_STORE, *FILES, *SQLITE))
    if chosen == "server":
        return ("server",) if may else ()
    return ("file", "server") if may and chosen == "both" and name.startswith(BOTH) else ("file",)
