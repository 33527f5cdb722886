"""The numbers of a run that have limits, and the limits that depend on the run.

Each function takes the columns and returns one number a run, NaN where it cannot be judged; a hint
takes the number and the limit it broke.
"""

from __future__ import annotations

import math

import numpy as np

from isoflop_plugins.analyzers.health.checks import FLOPS_RANGE
from isoflop_plugins.analyzers.health.limits import Floats, Measured
from isoflop_plugins.devices import DEVICES

LARGEST_VOCABULARY = 2**20
"""Stands in for an unknown vocabulary; four times Gemma's 262,144 (arXiv 2503.19786). [1]"""
START_MARGIN = 1.0
"""What an untrained model may lose beyond even guessing: the variance of its logits / 2, which is
d_model x 0.02^2 / 2 for a head of standard deviation 0.02 behind a norm; 0.8 at a width of 4,096,
rounded up. [nat/token]"""
TEXT_VOCABULARY = 1_000
"""From here on a vocabulary is a text tokenizer's and not that of bytes, letters or a toy task."""
TEXT_FLOOR = 0.5
"""Below this a loss on text is memorized or in another unit: laws put what cannot be learned of
web text at 1.69 (Hoffmann et al. 2022, equation 10) or 1.82 (Besiroglu et al. 2024, 2404.10102),
and code is about twice as predictable. [nat/token]"""
LONG_CURVE = 30
"""Points from which the smoothed loss, the mean of the last tenth, is that of the end. [1]"""
LOWEST_CONVENTION = 0.04
"""C / (6 N D) without embeddings, where N is mostly embedding: 0.047 measured at 4.3 million
parameters with 32,000 tokens of vocabulary (isoflop's count of nine conventions). [1]"""
PACE = 2 * max(d.peak_flops_per_s for d in DEVICES)
"""Twice the highest 16-bit peak of the device table: 8-bit products run at double. [FLOP/s]"""
POST_TRAINING = ("sft", "preference", "reinforcement", "eval")
"""Stages whose loss may be small, or no cross-entropy."""

_LAST_STEPS = 1.5  # a partial last batch, and steps counted from 0


def flops_ratio(m: Measured) -> Floats:
    """Return C / (6 N D). [1]."""
    return m.said_flops() / (6 * m.params_per_token() * m["n_tokens"])


def flops_low(m: Measured) -> Floats:
    """Return the smallest C / (6 N D) of any convention: blocks alone, by size where unknown."""
    n = m.params_per_token()
    blocks = 0.95 * (m["n_params_nonembedding"] - (m["n_params"] - n)) / n
    by_size = np.select([n >= 1e9, n >= 1e8], [FLOPS_RANGE[0], 0.3], LOWEST_CONVENTION)
    low = np.where(blocks > 0, np.minimum(blocks, FLOPS_RANGE[0]), by_size)
    return np.where(m.where("architecture", "encoder-decoder"), low / 2, low)


def flops_high(m: Measured) -> Floats:
    """Return the largest: all experts counted, logits and embedding, attention at this length."""
    n = m.params_per_token()
    by_size = np.select([n >= 1e9, n >= 1e8], [FLOPS_RANGE[1], 2.0], 2.5)
    experts = np.fmax(1.0, m["n_params"] / n)
    attention = 2 * m["n_layers"] * m["d_model"] * m["sequence_length"] / n
    return by_size * experts + np.where(np.isfinite(attention), attention, 0.0)


def flops_hint(ratio: float, broken: float) -> str:
    """Return which other count a ratio looks like."""
    if ratio <= 0:
        return ""
    known = {1 / 3: "2ND, a forward pass alone", 0.5: "multiply-adds and not FLOPs",
             1e-9: "GFLOPs", 1e-12: "TFLOPs", 1e-15: "PFLOPs", 1e-18: "EFLOPs"}  # fmt: skip
    for factor, words in known.items():
        if abs(math.log(ratio / factor)) < math.log(1.15):
            return f"looks like {words}"
    return "" if ratio > broken else "looks like C of one device or step, or D or N too large"


def mfu(m: Measured) -> Floats:
    """Return MFU as said, else C / (devices x seconds x peak). [1]."""
    used = m.said_flops() / (m.device_seconds() * m.peak())
    return np.where(np.isfinite(m["mfu"]), m["mfu"], used)


def pace(m: Measured) -> Floats:
    """Return C / (devices x seconds) where no peak is known. [FLOP/s]."""
    known = np.isfinite(m.peak())
    return np.where(known, np.nan, m.said_flops() / m.device_seconds())


def steps_room(m: Measured) -> Floats:
    """Return how far D may be from steps x batch, as a share. [1]."""
    return np.fmax(0.05, _LAST_STEPS / m["n_steps"])


def whole_times(ratio: float, _: float) -> str:
    """Return what a ratio of token counts tells, by whether it is a whole number."""
    times = max(ratio, 1 / ratio)
    if abs(times - round(times)) > 0.02 * times:
        return "the log stops early, or the batch grew" if ratio > 1 else "the batch grew"
    return f"exactly {round(times)} times: devices, accumulation or a log that stops early"


def loss_limit(m: Measured) -> Floats:
    """Return the highest loss of a run that learned anything. [nat/token]."""
    vocabulary = np.where(m["n_vocab"] > 1, m["n_vocab"], LARGEST_VOCABULARY)
    return np.log(vocabulary) + START_MARGIN


def loss_hint(loss: float, broken: float) -> str:
    """Return what a loss beyond its limit may be."""
    if loss < 0:
        return "a log likelihood and not a loss"
    if loss * math.log(2) <= broken:
        return "in bit/token it would do, or the run hardly trained"
    return "a sum over tokens and not their mean, or the run hardly trained"


def text_loss(m: Measured) -> Floats:
    """Return the loss of runs on text that were not trained further. [nat/token]."""
    text = (m["n_vocab"] >= TEXT_VOCABULARY) & ~m.where("stage", *POST_TRAINING)
    return np.where(text, m["loss"], np.nan)


def bytes_per_token(m: Measured) -> Floats:
    """Return what loss and bits per byte say of the tokenizer. [byte/token]."""
    return m["loss"] / (m["bits_per_byte"] * math.log(2))


def fewest_bytes(m: Measured) -> Floats:
    """Return the fewest bytes a token holds on average. [byte/token]."""
    return np.where(m["n_vocab"] >= TEXT_VOCABULARY, 1.5, 0.95)


def tied_head(m: Measured) -> Floats:
    """Return head / embedding parameters of runs that tie the two. [1]."""
    tied = np.array([flag is True for flag in m.runs.flags("tied_embeddings")], dtype=bool)
    return np.where(tied, m["n_params_head"] / m["n_params_embedding"], np.nan)


def group_sum(m: Measured) -> Floats:
    """Return the sum of all groups of parameters / N. [1]."""
    position = np.nan_to_num(m["n_params_embedding_position"])
    return (m["n_params_embedding"] + position + m["n_params_head"] + m["n_params_blocks"]) / m[
        "n_params"
    ]


def finished(m: Measured, number: Floats) -> Floats:
    """Return the number of runs that finished, NaN for the others."""
    return np.where(m.where("status", "finished"), number, np.nan)


def rise(m: Measured) -> Floats:
    """Return how far above its lowest the training loss ends. [nat/token]."""
    settled = m["n_curve_points"] >= LONG_CURVE
    return np.where(settled, m["loss_smoothed"] - m["loss_min"], np.nan)


def plan(m: Measured) -> Floats:
    """Return planned / fed tokens of finished runs whose learning rate decays. [1]."""
    decays = ~m.where("schedule", "constant", "constant_with_warmup", "wsd", "trapezoidal")
    return np.where(decays, finished(m, m["n_tokens_planned"] / m["n_tokens"]), np.nan)


def epoch_tokens(m: Measured) -> Floats:
    """Return D / (epochs x distinct tokens), from one epoch on. [1]."""
    several = m["epochs"] >= 1
    return np.where(several, m["n_tokens"] / (m["epochs"] * m["n_tokens_unique"]), np.nan)


def unique(m: Measured) -> Floats:
    """Return distinct / fed tokens. [1]."""
    below_one = m["epochs"] < 1  # then the distinct tokens are those of the data set
    return np.where(below_one, np.nan, m["n_tokens_unique"] / m["n_tokens"])
