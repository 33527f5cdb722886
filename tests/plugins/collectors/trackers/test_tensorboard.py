"""Event files are read as they were written, whatever became of them."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import struct
import tracemalloc
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isoflop.errors import CollectError
from isoflop.folders import FileFacts, Folder, Found
from isoflop.records import RawRun
from isoflop.resolving import Rules, resolve_run
from isoflop_plugins.aliases import ALIASES
from isoflop_plugins.aliases.jax import JAX
from isoflop_plugins.aliases.maxtext import MAXTEXT
from isoflop_plugins.aliases.tensorboard import TENSORBOARD_TAGS
from isoflop_plugins.collectors.trackers.tensorboard import TENSORBOARD
from isoflop_plugins.collectors.trackers.tensorboard.checksums import first_damaged, masked_crc

NAME = "events.out.tfevents.1700000000.host.1.0"


def _load_writer() -> ModuleType:
    path = Path(__file__).parents[3] / "bench" / "event_files.py"
    spec = importlib.util.spec_from_file_location("event_files", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


W = _load_writer()


def collect(root: Path) -> list[RawRun]:
    """Walk a tree as the host does: every folder asked, finds of one group joined."""
    grouped: dict[str, list[str]] = {}
    for path, folders, files in os.walk(root.resolve()):
        facts = {n: FileFacts(size=(Path(path) / n).stat().st_size, mtime_ns=0) for n in files}
        folder = Folder(
            path=Path(path), files=facts, folders=tuple(sorted(folders)), root=root.resolve()
        )
        for found in TENSORBOARD.finds(folder):
            grouped.setdefault(found.group, []).extend(found.files)
    finds = [Found(place=g, files=tuple(f), group=g) for g, f in sorted(grouped.items())]
    return [run for found in finds for run in TENSORBOARD.reads(found)]


def write(folder: Path, data: bytes, name: str = NAME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return folder


def resolved(run: RawRun) -> dict[str, object]:
    own = (TENSORBOARD_TAGS, MAXTEXT, JAX)
    return dict(resolve_run(run, Rules(aliases=(*own, *ALIASES))).row)


def points(run: RawRun) -> dict[str, list[tuple[int, float]]]:
    return {
        k: list(zip(s.step.tolist(), s.value.tolist(), strict=True)) for k, s in run.metrics.items()
    }


class TestFixtures:
    def test_five_torch_runs_are_as_counted(self, shared_data: Path) -> None:
        folder = shared_data / "stacks" / "torch_loop"
        truth = {r["run_name"]: r for r in json.loads((folder / "truth.json").read_text())["runs"]}

        runs = {run.run_name: run for run in collect(folder / "runs")}

        assert runs.keys() == truth.keys()
        for name, told in truth.items():
            row = resolved(runs[name])
            assert row["n_params"] == told["n_params"]["n_total"]
            assert row["n_tokens"] == told["D_tokens_fed"]
            assert row["n_steps"] == told["steps"]
            assert row["seed"] == told["seed"]
            assert row["sequence_length"] == told["seq_len"]
            assert runs[name].problems == ()
            if told["final_train_loss"] is None:
                assert row["status"] == "diverged"
                assert math.isnan(runs[name].metrics["train/loss"].value[-1])
                assert row.get("loss") is None
            else:
                assert row["loss_last"] == told["final_train_loss"]
                assert row["loss"] == told["final_val_loss"]

    @pytest.mark.parametrize("name", ["gpt2_tied_four_trackers", "mixtral_moe"])
    def test_hugging_face_runs_are_as_counted(self, shared_data: Path, name: str) -> None:
        folder = shared_data / "stacks" / "huggingface" / name
        truth = json.loads((folder / "truth.json").read_text())

        (run,) = collect(folder)

        row = resolved(run)
        assert run.run_name == truth["run_name"]
        assert row["n_tokens"] == truth["D_tokens_fed"]
        assert row["loss_last"] == pytest.approx(truth["final_train_loss_logged"], rel=1e-6)
        assert row["loss"] == pytest.approx(truth["final_eval_loss"], rel=1e-6)
        assert row["learning_rate_peak"] == truth["lr_peak"]
        assert row["seed"] == truth["seed"]
        assert run.params["model_config/vocab_size"] == str(truth["vocab_size"])

    def test_lightning_run_is_as_counted(self, shared_data: Path) -> None:
        folder = shared_data / "stacks" / "lightning" / "csv_tb_mlflow"
        truth = json.loads((folder / "truth.json").read_text())

        (run,) = collect(folder)

        row = resolved(run)
        assert row["n_tokens"] == truth["D_tokens_fed"]
        assert row["n_steps"] == truth["optimizer_steps"]
        assert row["loss_last"] == truth["final_train_loss_logged"]
        assert row["loss"] == truth["final_val_loss"]

    def test_jax_run_is_as_counted(self, shared_data: Path) -> None:
        folder = shared_data / "stacks" / "jax_flax"
        truth = json.loads((folder / "truth.json").read_text())

        (run,) = collect(folder)

        row = resolved(run)
        assert row["n_params"] == truth["n_total"]
        assert row["n_tokens"] == truth["D_tokens_fed"]
        assert row["loss_last"] == truth["final_train_loss"]

    def test_trl_run_keeps_its_text_params(self, shared_data: Path) -> None:
        folder = shared_data / "stacks" / "trl_sft"
        truth = json.loads((folder / "truth.json").read_text())

        (run,) = collect(folder)

        assert run.metrics["train/num_tokens"].value[-1] == truth["D_tokens_non_padding"]
        assert run.metrics["train/loss"].value[-1] == truth["final_train_loss_logged"]
        assert run.params["args/seed"] == str(truth["seed"])

    def test_agrees_with_tensorboard_on_every_fixture(self, shared_data: Path) -> None:
        accumulator = pytest.importorskip(
            "tensorboard.backend.event_processing.event_accumulator"
        ).EventAccumulator
        for file in (shared_data / "stacks").rglob("*tfevents*"):
            (run,) = TENSORBOARD.reads(Found(place=str(file.parent), files=(str(file),)))
            theirs = accumulator(str(file), size_guidance={"scalars": 0}).Reload()
            expected = {t: [(e.step, e.value) for e in theirs.Scalars(t)]
                        for t in theirs.Tags()["scalars"]}  # fmt: skip
            np.testing.assert_equal(points(run), expected)


def test_tensorboard_reads_what_the_writer_of_these_tests_writes(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    told = [("loss", step, 4.5 - step / 100, 1.7e9 + step) for step in range(50)]
    write(tmp_path, W.scalar_file(told))

    theirs = accumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload().Scalars("loss")

    assert [(e.step, e.value, e.wall_time) for e in theirs] == [
        (step, np.float32(value), time) for _, step, value, time in told
    ]


class TestScalars:
    def test_float32_is_kept_exactly_with_its_time(self, tmp_path: Path) -> None:
        write(tmp_path, W.scalar_file([("loss", 3, 0.1, 1.7e9 + 0.25)]))

        (run,) = collect(tmp_path)

        series = run.metrics["loss"]
        assert series.value[0] == np.float64(np.float32(0.1))
        assert series.timestamp_ms[0] == 1_700_000_000_250

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            (1, W.float_field(5, 1.5)),
            (2, W.field(6, 1.5)),
            (2, W.field(4, struct.pack("<d", 1.5))),
            (19, W.field(13, W.varint(struct.unpack("<H", struct.pack("<e", 1.5))[0]))),
            (19, W.field(13, struct.unpack("<H", struct.pack("<e", 1.5))[0])),
            (14, W.field(13, W.varint(0x3FC0))),
        ],
        ids=["float", "double", "content", "half", "half-unpacked", "bfloat16"],
    )
    def test_tensor_scalars_are_metrics(self, tmp_path: Path, kind: int, content: bytes) -> None:
        tensor = W.field(8, W.field(1, kind) + W.field(2, b"") + content)
        value = W.field(1, "loss") + tensor + W.metadata("scalars")
        bare = W.field(1, "loss") + tensor  # TensorFlow tells the plugin once a tag
        write(tmp_path, W.event_file([W.event(s, 1.7e9, values=[v])
                                      for s, v in ((1, value), (2, bare))]))  # fmt: skip

        (run,) = collect(tmp_path)

        assert points(run) == {"loss": [(1, 1.5), (2, 1.5)]}

    def test_other_plugins_and_media_are_no_metrics(self, tmp_path: Path) -> None:
        tensor = W.field(8, W.field(1, 1) + W.float_field(5, 2.0))
        histogram = W.field(1, "weights") + W.field(5, W.field(1, 1.0))
        image = W.field(1, "sample") + W.field(4, W.field(4, b"\x89PNG" * 50_000))
        curve = W.field(1, "roc") + tensor + W.metadata("pr_curves")
        values = [histogram, W.scalar("loss", 2.0), image, curve]
        write(tmp_path, W.event_file([W.event(1, 1.7e9, values=values)]))

        (run,) = collect(tmp_path)

        assert points(run) == {"loss": [(1, 2.0)]}

    def test_last_bytes_of_a_value_are_not_taken_for_a_scalar(self, tmp_path: Path) -> None:
        odd = W.float_field(2, 9.0) + W.field(1, "tag\x15abcd")
        write(tmp_path, W.event_file([W.event(s, 1.7e9, values=[odd]) for s in (1, 2)]))

        (run,) = collect(tmp_path)

        assert points(run) == {"tag\x15abcd": [(1, 9.0), (2, 9.0)]}

    def test_negative_steps_and_step_zero(self, tmp_path: Path) -> None:
        write(tmp_path, W.scalar_file([("loss", s, 1.0, 1.7e9) for s in (0, -1, 2**40, -5)]))

        (run,) = collect(tmp_path)

        assert run.metrics["loss"].step.tolist() == [-5, -1, 0, 2**40]


class TestRestarts:
    def test_later_file_wins_for_a_step(self, tmp_path: Path) -> None:
        first = W.scalar_file([("loss", s, 10.0 + s, 1.7e9) for s in range(1, 6)])
        second = W.scalar_file([("loss", s, 20.0 + s, 1.7e9) for s in range(4, 8)])
        write(tmp_path, second, "events.out.tfevents.1700000100.a.1.0")
        write(tmp_path, first, "events.out.tfevents.1700000099.b.1.0")

        (run,) = collect(tmp_path)

        assert run.metrics["loss"].value.tolist() == [11, 12, 13, 14, 24, 15, 25, 26, 27]

    def test_session_start_forgets_the_steps_after_it(self, tmp_path: Path) -> None:
        first = W.scalar_file([("loss", s, 10.0 + s, 1.7e9) for s in range(1, 9)])
        again = W.event(4, 1.7e9, other=W.field(7, W.field(1, 1)))
        second = W.event_file([again, W.event(4, 1.7e9, values=[W.scalar("loss", 2.0)])])
        write(tmp_path, first, "events.out.tfevents.1700000000.h.1.0")
        write(tmp_path, second, "events.out.tfevents.1700000100.h.2.0")

        (run,) = collect(tmp_path)

        assert points(run) == {"loss": [(1, 11.0), (2, 12.0), (3, 13.0), (4, 2.0)]}


class TestFolders:
    def test_hparams_child_belongs_to_its_parent(self, tmp_path: Path) -> None:
        run = tmp_path / "exp-1"
        write(run, W.scalar_file([("loss", 1, 2.0, 1.7e9)]))
        write(run / "1700000000.25", W.event_file([_hparams(lr=0.5, depth=4.0, kind="gpt")]))

        (found,) = collect(tmp_path)

        assert found.run_name == "exp-1"
        assert found.params == {"lr": "0.5", "depth": "4", "kind": "gpt"}

    def test_trials_that_disagree_say_nothing(self, tmp_path: Path) -> None:
        for index in range(3):
            session = _hparams(lr=float(index), depth=4.0)
            write(tmp_path / "sweep" / f"170000000{index}.5", W.event_file([session]))

        (run,) = collect(tmp_path)

        assert run.params == {"depth": "4"}
        assert run.problems == ("3 hyperparameter sessions disagree about 'lr'",)

    def test_splits_of_keras_are_one_run(self, tmp_path: Path) -> None:
        write(tmp_path / "fit" / "train", W.scalar_file([("epoch_loss", 0, 2.0, 1.7e9)]))
        write(tmp_path / "fit" / "validation", W.scalar_file([("epoch_loss", 0, 3.0, 1.7e9)]))

        (run,) = collect(tmp_path)

        assert run.native_run_id == str(tmp_path / "fit")
        assert points(run) == {
            "train/epoch_loss": [(0, 2.0)], "validation/epoch_loss": [(0, 3.0)],
        }  # fmt: skip
        assert resolved(run)["loss"] == 3.0

    def test_summed_loss_of_t5x_is_not_the_loss(self, tmp_path: Path) -> None:
        values = [W.scalar("loss", 490.0), W.scalar("loss_per_nonpadding_target_token", 10.2)]
        write(tmp_path / "t5" / "train", W.event_file([W.event(1, 1.7e9, values=values)]))
        task = W.scalar_file([("loss_per_nonpadding_target_token", 1, 10.5, 1.7e9)])
        write(tmp_path / "t5" / "training_eval" / "c4", task)

        (run,) = collect(tmp_path)

        assert resolved(run)["loss_last"] == pytest.approx(10.2)
        assert "training_eval/c4/loss_per_nonpadding_target_token" in run.metrics

    def test_add_scalars_folders_are_one_run(self, tmp_path: Path) -> None:
        run = tmp_path / "exp"
        write(run, W.scalar_file([("lr", 1, 0.5, 1.7e9)]))
        write(run / "loss_train", W.scalar_file([("loss", 1, 2.0, 1.7e9)]))
        write(run / "loss_val", W.scalar_file([("loss", 1, 3.0, 1.7e9)]))

        (found,) = collect(tmp_path)

        assert points(found) == {
            "lr": [(1, 0.5)], "loss/train": [(1, 2.0)], "loss/val": [(1, 3.0)],
        }  # fmt: skip

    def test_runs_named_by_their_tag_stay_apart(self, tmp_path: Path) -> None:
        for name in ("loss_a", "loss_b"):
            write(tmp_path / name, W.scalar_file([("loss", 1, 2.0, 1.7e9)]))

        assert [run.run_name for run in collect(tmp_path)] == ["loss_a", "loss_b"]

    def test_nothing_above_the_named_folder_is_used(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "exp" / "train", W.scalar_file([("loss", 1, 2.0, 1.7e9)]))

        (run,) = collect(folder)

        assert run.native_run_id == str(folder)


class TestTexts:
    def test_json_table_and_value_become_params(self, tmp_path: Path) -> None:
        table = "|param|value|\n|-|-|\n|lr|0.1|\n|hf_token|hush|"
        texts = {
            "args/text_summary": json.dumps({"lr": 1e-3, "nested": {"a": 1}, "api_key": "hush"}),
            "hyperparameters/text_summary": table,
            "num_model_parameters/text_summary": "27520",
            "sample/text_summary": "Once upon a time\nthere was",
            "isoflop.run_uid/text_summary": "abc",
        }
        write(tmp_path, W.event_file(
            [W.event(0, 1.7e9, values=[W.text(k, v)]) for k, v in texts.items()]
        ))  # fmt: skip

        (run,) = collect(tmp_path)

        assert run.params == {
            "args/lr": "0.001", "args/nested.a": "1", "hyperparameters/lr": "0.1",
            "num_model_parameters": "27520",
        }  # fmt: skip
        assert run.tags == {"isoflop.run_uid": "abc"}
        assert run.links == (f"folder:{tmp_path}", "run:abc")


class TestDamage:
    def test_truncated_tail_yields_what_is_there(self, tmp_path: Path) -> None:
        data = W.scalar_file([("loss", s, 1.0, 1.7e9) for s in range(10)])
        write(tmp_path, data[:-3])

        (run,) = collect(tmp_path)

        assert len(run.metrics["loss"]) == 9
        assert "ends inside a record" in run.problems[0]

    def test_damaged_value_stops_before_it(self, tmp_path: Path) -> None:
        data = bytearray(W.scalar_file([("loss", s, 1.0, 1.7e9) for s in range(10)]))
        data[len(data) // 2] ^= 1
        write(tmp_path, bytes(data))

        (run,) = collect(tmp_path)

        assert 0 < len(run.metrics["loss"]) < 9
        assert set(run.metrics["loss"].value) == {1.0}
        assert "is damaged" in run.problems[0]

    @pytest.mark.parametrize("data", [b"", b"hello, this is a text", bytes(100)])
    def test_no_record_is_an_error(self, tmp_path: Path, data: bytes) -> None:
        write(tmp_path, data)

        with pytest.raises(CollectError, match="hold no record"):
            collect(tmp_path)

    def test_too_large_a_record_is_stepped_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "isoflop_plugins.collectors.trackers.tensorboard.records.MAX_RECORD_BYTES", 1_000
        )
        graph = W.event(0, 1.7e9, other=W.field(4, bytes(3_000_000)))
        loss = W.event(1, 1.7e9, values=[W.scalar("loss", 2.0)])
        write(tmp_path, W.event_file([graph, loss]))

        (run,) = collect(tmp_path)

        assert points(run) == {"loss": [(1, 2.0)]}
        assert run.problems == (f"1 records of {NAME!r} are too large",)

    @pytest.mark.parametrize("size", [2**31, 2**62, 2**64 - 1])
    def test_length_that_lies_does_not_allocate(self, tmp_path: Path, size: int) -> None:
        head = struct.pack("<Q", size)
        lie = head + struct.pack("<I", W.masked_crc(head)) + b"x"
        write(tmp_path, W.scalar_file([("loss", 1, 2.0, 1.7e9)]) + lie)

        (run,) = collect(tmp_path)

        assert points(run) == {"loss": [(1, 2.0)]}
        assert "ends inside a record" in run.problems[0]

    @pytest.mark.slow
    def test_memory_is_bounded_whatever_the_size_of_the_file(self, tmp_path: Path) -> None:
        image = W.event(1, 1.7e9, values=[W.field(1, "x") + W.field(4, bytes(2_000_000))])
        loss = W.event(1, 1.7e9, values=[W.scalar("loss", 2.0)])
        frame, tail = W.tfrecord(image), W.tfrecord(loss)
        with (write(tmp_path, W.event_file([])) / NAME).open("ab") as file:
            for _ in range(30):
                file.write(frame)
            file.write(tail)
        tracemalloc.start()

        (run,) = collect(tmp_path)

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert points(run) == {"loss": [(1, 2.0)]}
        assert peak < 30e6  # of 60 MB


FLOATS = st.floats(width=32)
POINTS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=150),
        st.integers(-(2**61), 2**61),
        FLOATS,
        st.floats(1.0, 4e9),
    ),
    max_size=30,
)


def read_bytes(folder: Path, data: bytes) -> RawRun | None:
    path = folder / NAME
    path.write_bytes(data)
    try:
        (run,) = TENSORBOARD.reads(Found(place=str(folder), files=(str(path),)))
    except CollectError:
        return None
    return run


def written(told: list[tuple[str, int, float, float]]) -> dict[str, list[tuple[int, float]]]:
    expected: dict[str, list[tuple[int, float]]] = {}
    for tag, step, value, _ in told:
        expected.setdefault(tag, []).append((step, value))
    return {k: sorted(v, key=lambda p: p[0]) for k, v in expected.items()}


@given(told=POINTS)
def test_written_points_are_read(tmp_path_factory: pytest.TempPathFactory, told) -> None:
    run = read_bytes(tmp_path_factory.mktemp("run"), W.scalar_file(told))

    assert run is not None
    np.testing.assert_equal(points(run), written(told))


@given(told=POINTS, data=st.data())
def test_cut_anywhere_yields_a_beginning(tmp_path_factory, told, data) -> None:
    whole = W.scalar_file(told)
    cut = data.draw(st.integers(0, len(whole)))

    run = read_bytes(tmp_path_factory.mktemp("run"), whole[:cut])

    n_read = sum(map(len, run.metrics.values())) if run else 0
    np.testing.assert_equal(points(run) if run else {}, written(told[:n_read]))


@given(told=POINTS, data=st.data())
def test_changed_bytes_never_give_a_value_that_was_not_written(
    tmp_path_factory, told, data
) -> None:
    whole = bytearray(W.scalar_file(told))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at : at + 4] = data.draw(st.binary(min_size=1, max_size=4))

    run = read_bytes(tmp_path_factory.mktemp("run"), bytes(whole))

    n_read = sum(map(len, run.metrics.values())) if run else 0
    np.testing.assert_equal(points(run) if run else {}, written(told[:n_read]))


@given(st.binary(max_size=2_000))
@example(W.tfrecord(b"\x09"))
def test_arbitrary_bytes_raise_nothing_else(tmp_path_factory, data) -> None:
    read_bytes(tmp_path_factory.mktemp("run"), data)


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_arbitrary_records_raise_nothing_else(tmp_path_factory, records) -> None:
    data = b"".join(W.tfrecord(record) for record in records)
    read_bytes(tmp_path_factory.mktemp("run"), data)


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_checksums_of_many_are_those_of_each(records: list[bytes]) -> None:
    starts = np.cumsum([0, *map(len, records)])[:-1].tolist()
    sizes, told = [*map(len, records)], [W.masked_crc(r) for r in records]

    assert [masked_crc(r) for r in records] == told
    assert first_damaged(b"".join(records), starts, sizes, told) == len(records)
    for index in range(len(records)):
        wrong = [crc ^ (i == index) for i, crc in enumerate(told)]
        assert first_damaged(b"".join(records), starts, sizes, wrong) == index


def test_checksum_is_that_of_the_standard() -> None:
    # RFC 3720, B.4: CRC-32C of 32 zero bytes is 0x8a9136aa.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _hparams(**said: float | str) -> bytes:
    """Return the event of `add_hparams`."""
    entries = b""
    for key, value in said.items():
        inner = W.field(2, value) if isinstance(value, float) else W.field(3, value)
        entries += W.field(1, W.field(1, key) + W.field(2, inner))
    content = W.field(3, entries)
    value = W.field(1, "_hparams_/session_start_info") + W.metadata("hparams", content)
    return W.event(0, 1.7e9, values=[value])
