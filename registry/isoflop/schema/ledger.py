"""The tables that say what isoflop did: `fits`, `findings`, `events`."""

from __future__ import annotations

from isoflop.schema.column import TableSchema, columns

FITS = TableSchema(
    name="fits",
    row_is="one dated, immutable law fit",
    key=("fit_id",),
    columns=columns(
        "Fit",
        ("fit_id", "string", "", "Hash of law, objective, data and seed."),
        ("created_at", "timestamp", "", "When it was fitted, UTC."),
        ("law", "string", "", "Law."),
        ("family", "string", "", "Family of the runs."),
        ("loss_dataset", "string", "", "Data set of the losses."),
        ("objective", "string", "", "Objective and its settings, for example log-huber 0.001."),
        ("objective_value", "float64", "1", "Objective at the minimum, summed over runs."),
        ("gradient_norm", "float64", "1", "Largest scaled gradient entry at the minimum."),
        ("status", "string", "", "converged, at-bound, not-identifiable or too-few-runs."),
        ("n_runs", "int64", "1", "Runs used."),
        ("n_left_out", "int64", "1", "Runs left out."),
        ("params", "json", "", "Parameter to value, low, high."),
        ("level", "float64", "1", "Level of the intervals."),
        ("n_boot", "int64", "1", "Bootstrap replicates."),
        ("seed", "int64", "1", "Seed of the bootstrap."),
        ("runs_version", "int64", "1", "Version of the table runs that was read."),
        ("diagnostics", "json", "", "Certificate and warnings."),
        ("source", "string", "", "Source of the law."),
        ("writer_version", "string", "", "isoflop version."),
        ("variant", "string", "", "What sets it apart from a plain fit; null for a plain one."),
        ("audience", "string", "", "Whose runs: yours, or reference for published models."),
        ("equation", "string", "", "The law's formula at that time."),
        ("settings", "json", "", "All that was asked for: what it takes to fit again."),
        ("data_digest", "string", "", "Digest of the numbers that were fitted."),
        ("run_uids", "json", "", "Runs used, in the order of the bootstrap."),
        ("unidentified", "json", "", "Parameters that the runs do not identify."),
    ),
)

FINDINGS = TableSchema(
    name="findings",
    row_is="one flag raised or cleared",
    key=("finding_id",),
    columns=columns(
        "Finding",
        ("finding_id", "string", "", "Hash of report, analyzer, kind, subject and law."),
        ("report_id", "string", "", "Report that raised it."),
        ("created_at", "timestamp", "", "When, UTC."),
        ("analyzer", "string", "", "Analyzer."),
        ("kind", "string", "", "What is flagged, for example undertrained."),
        ("subject", "string", "", "run_uid or task."),
        ("subject_name", "string", "", "Name people know it by; untrusted text."),
        ("family", "string", "", "Family."),
        ("state", "string", "", "raised or cleared."),
        ("severity", "string", "", "info, mild, clear or severe."),
        ("value", "float64", "", "The number behind the flag."),
        ("low", "float64", "", "Low end of its interval."),
        ("high", "float64", "", "High end of its interval."),
        ("level", "float64", "1", "Level of the interval."),
        ("law", "string", "", "Law or test the flag stands on."),
        ("message", "string", "", "One sentence."),
        ("evidence", "json", "", "Numbers a reader needs to check it."),
    ),
)

EVENTS = TableSchema(
    name="events",
    row_is="one act of isoflop on the registry",
    key=("event_id",),
    columns=columns(
        "Event",
        ("event_id", "string", "", "Id."),
        ("created_at", "timestamp", "", "When, UTC."),
        (
            "kind",
            "string",
            "",
            "fold, collect, report, report-attempt, notice, quarantine, maintain; by "
            "hand merge, split, set.",
        ),
        ("producer", "string", "", "isoflop and its version."),
        ("writer_id", "string", "", "Process."),
        ("inputs", "json", "", "Versions or drops that went in."),
        ("outputs", "json", "", "Versions that came out."),
        ("message", "string", "", "One sentence."),
    ),
)
