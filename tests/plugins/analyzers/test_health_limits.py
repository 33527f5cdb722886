"""Every limit of the health analyzer: silent on right rows, loud on each planted fault."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop import PluginHost, RunTable, analyze, hookimpl
from isoflop_datasets.published_models import load_published_models
from isoflop_plugins.analyzers.health.analyzer import CHECKS, HEALTH
from isoflop_plugins.analyzers.health.shape import parameter_range
from isoflop_plugins.analyzers.health.table import LIMITS
from isoflop_plugins.counting.transformer import Experts, gpt2_shape, llama_shape, parameter_groups

GPT2 = parameter_groups(
    gpt2_shape(n_layers=12, d_model=768, n_heads=12, n_vocab=50_257, n_positions=1024)
)
N, D = GPT2.total, 2_500_000_512
RIGHT = {
    "run_uid": "a" * 32, "run_name": "gpt2", "family": "web", "status": "finished",
    "stage": "pretrain", "architecture": "dense", "n_params": N, "n_params_active": N,
    "n_params_nonembedding": GPT2.blocks, "n_params_embedding": GPT2.embedding,
    "n_params_embedding_position": GPT2.position, "n_params_head": 0,
    "n_params_blocks": GPT2.blocks, "tied_embeddings": True, "n_layers": 12, "d_model": 768,
    "n_heads": 12, "d_ff": 3072, "n_vocab": 50_257, "n_experts": 1, "n_experts_active": 1,
    "sequence_length": 1024, "n_tokens": D, "n_tokens_unique": D // 2, "epochs": 2.0,
    "n_tokens_planned": D, "batch_sequences": 512, "batch_tokens": 524_288, "n_steps": 4769,
    "warmup_steps": 100, "learning_rate_peak": 6e-4, "schedule": "cosine",
    "flops": 6.0 * N * D, "flops_reported": 1.145 * 6 * N * D, "flops_convention": "6ND",
    "loss": 3.3, "loss_split": "eval", "loss_smoothed": 3.25, "loss_min": 3.1,
    "n_curve_points": 500, "bits_per_byte": 1.1, "device_type": "NVIDIA A100",
    "device_count": 8, "node_count": 1, "wall_time_s": 2000.0, "device_hours": 8 * 2000 / 3600,
    "energy_kwh": 1.6, "peak_flops_per_s": 312e12, "mfu": 0.4,
}  # fmt: skip

FAULTS = {
    "C in TFLOPs": ("flops-6nd", {"flops_reported": 6e-12 * N * D}),
    "C of a forward pass": ("flops-6nd", {"flops_reported": 2.0 * N * D}),
    "C two and a half times": ("flops-6nd", {"flops_reported": 15.0 * N * D}),
    "MFU in percent": ("mfu", {"mfu": 40.0}),
    "one device of 64 counted": ("mfu", {"mfu": None, "device_count": 1, "wall_time_s": 500.0,
                                         "device_hours": None, "batch_tokens": None}),
    "MFU by device hours": ("mfu", {"mfu": None, "device_count": None, "wall_time_s": None,
                                    "device_hours": 0.1, "energy_kwh": None}),
    "peak by device name": ("mfu", {"mfu": None, "peak_flops_per_s": None, "wall_time_s": 10.0,
                                    "device_hours": None}),
    "wall time in hours": ("pace", {"mfu": None, "peak_flops_per_s": None, "device_type": None,
                                    "wall_time_s": 2000 / 3600, "device_hours": None}),
    "device hours are hours": ("device-hours", {"device_hours": 2000 / 3600, "energy_kwh": None}),
    "energy in Wh": ("energy", {"energy_kwh": 40_000.0}),
    "devices of one machine": ("node-count", {"node_count": 16}),
    "accumulation forgotten": ("tokens-steps", {"batch_tokens": 524_288 // 4,
                                                "batch_sequences": 128}),
    "D of one device": ("tokens-steps", {"n_steps": 8 * 4769}),
    "batch of one device": ("batch-sequences", {"batch_sequences": 64}),
    "batch in sequences": ("batch-tokens", {"batch_tokens": 512, "batch_sequences": None,
                                            "n_steps": None}),
    "D in billions": ("tokens-per-param", {"n_tokens": 3, "flops": None, "flops_reported": None,
                                           "n_steps": None, "n_tokens_unique": None,
                                           "n_tokens_planned": None}),
    "D is less than distinct": ("unique-tokens", {"n_tokens_unique": 3 * D, "epochs": None}),
    "one epoch too few": ("epochs", {"epochs": 1.0}),
    "stopped at a third": ("plan", {"n_tokens_planned": 3 * D}),
    "D beyond its plan": ("plan", {"n_tokens_planned": D // 2}),
    "head counted though tied": ("param-groups", {"n_params": N + GPT2.embedding,
                                                  "n_params_active": None,
                                                  "flops_reported": None, "flops": None}),
    "active of another model": ("active-params", {"n_params_active": 2 * N, "architecture": "dense",
                                                  "flops_reported": None, "flops": None}),
    "N without embeddings": ("nonembedding-params", {"n_params_nonembedding": 2 * N}),
    "tied with a head": ("tied-head", {"n_params_head": GPT2.embedding,
                                       "n_params_blocks": GPT2.blocks - GPT2.embedding}),
    "experts swapped": ("experts", {"n_experts_active": 8}),
    "loss in bits": ("loss-range", {"loss": 12.5, "loss_smoothed": None, "bits_per_byte": None}),
    "loss summed": ("loss-range", {"loss": 490.0, "loss_smoothed": None, "bits_per_byte": None}),
    "loss summed, no vocabulary": ("loss-range", {"loss": 490.0, "loss_smoothed": None,
                                                  "n_vocab": None, "bits_per_byte": None}),
    "log likelihood": ("loss-range", {"loss": -3.3, "loss_smoothed": None, "bits_per_byte": None,
                                      "n_vocab": None}),
    "memorized": ("loss-floor", {"loss": 0.02, "loss_smoothed": None, "bits_per_byte": None}),
    "one loss is a sum": ("loss-splits", {"loss": 10.0, "loss_smoothed": 0.9, "loss_min": 0.8,
                                          "bits_per_byte": None}),
    "went off without a NaN": ("loss-rise", {"loss_smoothed": 5.5}),
    "bits per token as per byte": ("bytes-per-token", {"bits_per_byte": 3.3 / np.log(2)}),
    "nibbles": ("bits-per-byte", {"bits_per_byte": 9.0, "loss": None}),
    "a scale as rate": ("learning-rate", {"learning_rate_peak": 2.0}),
    "warmup in tokens": ("warmup", {"warmup_steps": 375_000}),
    "N in thousands": ("shape", {"n_params": N // 1000, "n_params_active": None, "flops": None,
                                 "flops_reported": None, "n_params_nonembedding": None,
                                 "n_params_blocks": None}),
    "N of a larger model": ("shape", {"n_params": 3 * N, "n_params_active": None, "flops": None,
                                      "flops_reported": None, "n_params_nonembedding": None,
                                      "n_params_blocks": None}),
}  # fmt: skip


@pytest.fixture(scope="module")
def host():
    class Plugin:
        @hookimpl
        def isoflop_analyzers(self):
            return (HEALTH,)

    host = PluginHost(load_entry_points=False)
    host.register(Plugin(), name="test")
    return host


def _table(*rows):
    return RunTable.from_pandas(pd.DataFrame(list(rows)))


def _laws(host, *rows):
    return [f.law for f in analyze("health", _table(*rows), host=host).findings]


def test_a_right_row_passes_and_nearly_every_check_could_judge_it(host):
    result = analyze("health", _table(RIGHT), host=host)
    assert not result.findings
    limits = result.tables["limits"].set_index("check")
    assert list(limits.index) == [check.name for check in CHECKS]
    assert set(limits.index[limits["runs_judged"] == 0]) == {"pace"}  # its peak is known


@pytest.mark.parametrize(("law", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_caught_and_nothing_else(host, law, fault):
    wrong = RIGHT | fault | {"run_uid": "b" * 32, "run_name": "wrong"}
    result = analyze("health", _table(RIGHT, wrong), host=host)
    assert [(f.law, f.subject_name) for f in result.findings] == [(law, "wrong")]
    finding = result.findings[0]
    assert finding.evidence["limit"]
    assert "bbbbbbbb" in finding.evidence["todo"]


def test_every_limit_has_a_fault_that_it_catches():
    assert {law for law, _ in FAULTS.values()} == {x.name for x in LIMITS} | {"shape"}


def test_the_unit_is_guessed_in_words(host):
    loss = analyze("health", _table(RIGHT | {"loss": 12.5, "loss_smoothed": None}), host=host)
    assert "in bit/token it would do" in loss.findings[0].message
    flops = analyze("health", _table(RIGHT | {"flops_reported": 6e-12 * N * D}), host=host)
    assert "looks like TFLOPs" in flops.findings[0].message
    steps = RIGHT | {"batch_tokens": 131_072, "batch_sequences": 128}
    assert "exactly 4 times" in analyze("health", _table(steps), host=host).findings[0].message


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "sft", "loss": 0.2, "loss_smoothed": 0.2, "loss_min": 0.1, "bits_per_byte": None},
        {"n_vocab": 97, "loss": 0.001, "loss_smoothed": 0.001, "loss_min": 0.001,
         "bits_per_byte": None, "n_layers": None},
        {"schedule": "wsd", "n_tokens_planned": 3 * D},
        {"status": "killed", "n_tokens_planned": 3 * D, "warmup_steps": 9_000},
        {"epochs": 0.5, "n_tokens_unique": 2 * D},
        {"n_steps": 4768}, {"n_steps": 4770},
        {"n_steps": 10, "n_tokens": 11 * 524_288, "flops": None, "flops_reported": None,
         "n_tokens_unique": None, "n_tokens_planned": None, "warmup_steps": 1},
        {"architecture": "encoder-decoder", "flops_reported": 3.0 * N * D},
        {"flops_reported": 6.0 * GPT2.blocks * D},
        {"loss_smoothed": 5.5, "n_curve_points": 5},
    ],
    ids=["fine-tuned", "toy task", "constant rate", "stopped", "half an epoch", "from 0", "from 1",
         "few steps", "encoder-decoder", "Kaplan", "few points"],
)  # fmt: skip
def test_what_is_right_for_a_reason_is_no_finding(host, change):
    assert _laws(host, RIGHT | change) == []


def test_c_of_all_experts_is_a_convention_and_no_fault(host):
    shape = llama_shape(n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, d_ff=14_336,
                        n_vocab=32_000, experts=Experts(n=8, n_active=2, d_ff=14_336))  # fmt: skip
    groups = parameter_groups(shape)
    row = {"run_name": "mixtral", "architecture": "moe", "n_params": groups.total,
           "n_params_active": groups.active, "n_tokens": 10**12, "loss": 2.0, "n_layers": 32,
           "d_model": 4096, "n_heads": 32, "d_ff": 14_336, "n_vocab": 32_000, "n_experts": 8,
           "flops_reported": 6e12 * (groups.total - groups.embedding)}  # fmt: skip
    assert _laws(host, row) == []


@given(
    st.integers(1, 48), st.integers(1, 32), st.sampled_from([16, 64, 128]),
    st.integers(100, 200_000), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_range_of_a_shape_holds_its_closed_form(layers, heads, d_head, vocabulary, tied, gated):
    width = heads * d_head
    if gated:
        kinds = [llama_shape(n_layers=layers, d_model=width, n_heads=heads, n_kv_heads=kv,
                             d_ff=3 * width, n_vocab=vocabulary, tied=tied)
                 for kv in (1, heads)]  # fmt: skip
    else:
        kinds = [gpt2_shape(n_layers=layers, d_model=width, n_heads=heads, n_vocab=vocabulary,
                            n_positions=1024, d_ff=3 * width, tied=tied)]  # fmt: skip
    for known_tied in (tied, None):
        for d_ff in (3 * width, 0):
            low, high = parameter_range(
                layers, width, heads, vocabulary, d_ff, 0, 1024, tied=known_tied
            )
            assert all(low <= parameter_groups(kind).total <= high for kind in kinds)


def test_published_models_have_only_findings_that_their_sources_bear_out(host):
    result = analyze("health", load_published_models(), host=host)
    assert {
        (f.law, f.subject_name) for f in result.findings if f.severity != "info"
    } == {
        ("flops-6nd", "LaMDA 137B"),  # 768 B tokens or 432 B by compute
        ("claims-agree", "LaMDA 137B"),
        ("mfu", "Minerva (540B)"),  # C of its base model, device hours of its own
        ("claims-agree", "Gopher 280B"),  # two budgets
        ("claims-agree", "BLOOM 176B"),  # planned or fed
        ("mixed-flops-convention", "family published:OPT"),
    }  # fmt: skip
