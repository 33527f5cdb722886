"""Parameter sets that papers give, as records.

Allocations say N_opt = n_coefficient * C ** n_exponent with C in FLOP and D_opt = C / (6 N_opt).
Growths say the exponent alone.
"""

from __future__ import annotations

import math

from isoflop.laws import PublishedLaw

# From 4,000 refits of Epoch AI's 240 points (pairs bootstrap, NumPy legacy RandomState seed 42,
# summed log-Huber 1e-3, best of three Newton starts each, largest gradient entry 8e-9): standard
# errors A 124.46, B 1311.95, E 0.02567, alpha 0.01539, beta 0.02063. The paper prints 124.58,
# 1293.23, 0.03, 0.02, 0.02; B differs because one replicate has a second, lower minimum.
_BESIROGLU_COVARIANCE = (
    (1.9910630226e-04, 2.1355953060e-03, 3.6143173388e-03, 1.2613645114e-04, 1.7605952311e-04),
    (2.1355953060e-03, 6.6618746220e-02, -2.7716914253e-02, 3.9711198164e-03, -1.3883411415e-03),
    (3.6143173388e-03, -2.7716914253e-02, 1.7784488825e-01, -1.7208741564e-03, 8.6966455496e-03),
    (1.2613645114e-04, 3.9711198164e-03, -1.7208741564e-03, 2.3703937016e-04, -8.6253533215e-05),
    (1.7605952311e-04, -1.3883411415e-03, 8.6966455496e-03, -8.6253533215e-05, 4.2554181968e-04),
)

_HOFFMANN_N = (7e7, 1.6e10)
_HOFFMANN_D = (5e9, 5e11)
"""Hoffmann et al. 2022, abstract: 70 million to over 16 billion parameters on 5 to 500 billion
tokens."""

BESIROGLU = PublishedLaw(
    name="besiroglu-2024",
    law="chinchilla",
    form="loss",
    summary="Replication of Hoffmann's approach 3 on the points of its figure 4.",
    params={"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658},
    log_covariance=_BESIROGLU_COVARIANCE,
    # Measured on the 240 points used: 57.3 M to 16.2 B parameters, 0.82 B to 318 B tokens (0.25 B
    # with the five points of highest loss that the fit drops).
    n_params_range=(5.73e7, 1.62e10),
    n_tokens_range=(8.2e8, 3.18e11),
    source=(
        "Besiroglu, Erdil, Barnett, You 2024, Chinchilla Scaling: A replication attempt, "
        "table 1, arXiv 2404.10102; covariance computed by isoflop from the same 240 points"
    ),
    notes={
        "covariance": "from 4,000 bootstrap refits (seed 42) of the 240 points by isoflop, with "
        "the log-Huber objective at delta 1e-3; the paper prints standard errors only",
        "estimator": "the printed tuple is the least-absolute-deviations limit (delta to 0), not "
        "the minimum of the log-Huber objective at 1e-3 (477.83, 2143.4, 1.81722, .34731, .36717)",
        "data": "points read off a published figure; tokens derived as C / (6 N)",
    },
)

HOFFMANN_3 = PublishedLaw(
    name="hoffmann-2022",
    law="chinchilla",
    form="loss",
    summary="Hoffmann's approach 3 with the digits of the paper's TeX source.",
    params={
        "E": math.exp(0.5267228),
        "A": math.exp(6.0073404),
        "B": math.exp(6.0179186),
        "alpha": 0.33917084,
        "beta": 0.2849083,
    },
    n_params_range=_HOFFMANN_N,
    n_tokens_range=_HOFFMANN_D,
    source=(
        "Hoffmann et al. 2022, section 3.3, arXiv 2203.15556; digits of the TeX source as quoted "
        "in Besiroglu et al. 2024, arXiv 2404.10102"
    ),
    notes={
        "fault": "the fit stopped before its minimum (objective 21 % above it on the replicated "
        "points) and calls Chinchilla itself undertrained (token ratio 0.31)",
        "interval": "the paper's intervals of the exponents are too narrow for its number of runs; "
        "no covariance is given",
        "table": "table A3 gives 6 to 19 % fewer tokens at its sizes than these digits do",
    },
)

HOFFMANN_3_PRINTED = PublishedLaw(
    name="hoffmann-2022-printed",
    law="chinchilla",
    form="loss",
    summary="Hoffmann's approach 3 as printed, rounded: a trap, kept for comparison.",
    params={"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
    n_params_range=_HOFFMANN_N,
    n_tokens_range=_HOFFMANN_D,
    source="Hoffmann et al. 2022, equation 10 (appendix D.3), arXiv 2203.15556",
    notes={
        "rounding": "rounding the exponents to two digits moves the optimum: 92.7 tokens per "
        "parameter at 5.76e23 FLOPs where the unrounded digits give 58.9; prefer hoffmann-2022",
    },
)

HOFFMANN_1 = PublishedLaw(
    name="hoffmann-2022-approach-1",
    form="allocation",
    summary="Hoffmann's approach 1: envelope of training curves.",
    # Least squares through the nine rows of table 3 in log space (largest residual 1.2 %); the
    # paper prints the exponent as 0.50 (0.488, 0.502).
    params={"n_coefficient": 0.0991589, "n_exponent": 0.4980987},
    n_params_range=_HOFFMANN_N,
    n_tokens_range=_HOFFMANN_D,
    source="Hoffmann et al. 2022, tables 2 and 3, arXiv 2203.15556",
    notes={"coefficient": "not printed; fitted here to the rows of table 3"},
)

HOFFMANN_2 = PublishedLaw(
    name="hoffmann-2022-approach-2",
    form="allocation",
    summary="Hoffmann's approach 2: IsoFLOP profiles.",
    # Least squares through the nine approach-2 rows of table A3 in log space (largest residual
    # 3.3 %, at 67e9 parameters); the paper prints the exponent as 0.49 (0.462, 0.534).
    params={"n_coefficient": 0.1448771, "n_exponent": 0.4899416},
    n_params_range=_HOFFMANN_N,
    n_tokens_range=_HOFFMANN_D,
    source="Hoffmann et al. 2022, tables 2 and A3, arXiv 2203.15556",
    notes={"coefficient": "not printed; fitted here to the rows of table A3"},
)

_PF_DAY = 8.64e19
"""FLOPs of one petaflop/s sustained for a day; Kaplan et al. 2020, section 1.3."""

KAPLAN = PublishedLaw(
    name="kaplan-2020",
    form="allocation",
    summary="Kaplan's allocation: most of new compute into size.",
    # N_opt = 1.3e9 (C_min in PF-days) ** 0.73, C_min = C / 2 at the critical batch.
    params={"n_coefficient": 1.3e9 / (2 * _PF_DAY) ** 0.73, "n_exponent": 0.73},
    n_params_range=(768, 1.5e9),
    n_tokens_range=(2.2e7, 2.3e10),
    counts="n_params_nonembedding",
    source="Kaplan et al. 2020, section 6.1, appendix B, arXiv 2001.08361",
    notes={
        "fault": "one learning-rate schedule for all lengths and non-embedding counts at small "
        "size bias the exponent upward (Hoffmann et al. 2022, section 2; Porian et al. 2024, "
        "arXiv 2406.19146)",
        "compute": "C_min is taken as C / 2: training at the critical batch size",
        "check": "C = 1e21 gives 4.68e9, the figure Hoffmann et al. attribute to it (appendix D.4)",
        "mark": "constants and ranges from memory of the paper, checked against the figure above",
    },
)

LLAMA_3 = PublishedLaw(
    name="llama-3-2024",
    form="allocation",
    summary="Allocation used for Llama 3 405B: D_opt = 0.299 C ** 0.537.",
    params={"n_coefficient": 1 / (6 * 0.299), "n_exponent": 1 - 0.537},
    n_params_range=(4e7, 1.6e10),
    source="Llama team 2024, The Llama 3 Herd of Models, section 3.2.1 and figure 3, "
    "arXiv 2407.21783",
    notes={
        "rounding": "the text rounds to 0.29 and 0.53, which gives 10.5e12 tokens at 3.8e25 FLOPs "
        "where the paper says 16.55e12; these are the figure's digits and give 16.3e12",
        "compute": "the paper's 402e9 parameters on 16.55e12 tokens are 4.0e25 by 6 N D, not "
        "3.8e25, so N_opt here is 389e9",
        "tokens": "range of tokens not given; IsoFLOP budgets of 6e18 to 1e22",
    },
)

DEEPSEEK = PublishedLaw(
    name="deepseek-2024",
    form="allocation",
    summary="DeepSeek LLM's allocation in FLOPs per token, taken as 6 N.",
    # M_opt = 0.1715 C ** 0.5243 with C = M D; M = 6 N.
    params={"n_coefficient": 0.1715 / 6, "n_exponent": 0.5243},
    counts="n_params_nonembedding",
    source="DeepSeek-AI 2024, DeepSeek LLM, section 3.2, arXiv 2401.02954",
    notes={
        "approximation": "M counts non-embedding FLOPs per token with attention; taken as 6 N it "
        "overstates N by the attention's share",
        "range": "IsoFLOP budgets of 1e17 to 3e20; sizes not given",
    },
)

JEON_VAN_ROY = PublishedLaw(
    name="jeon-van-roy-2022",
    form="growth",
    summary="Theory: N and D grow equally with compute, up to logarithmic factors.",
    # The compute-optimal N is linear in D up to logarithms; with C proportional to N D both then
    # grow as C ** 0.5. Stated so in the authors' sequel: both are of order sqrt(C).
    params={"n_exponent": 0.5},
    source=(
        "Jeon and Van Roy 2022, An Information-Theoretic Analysis of Compute-Optimal Neural "
        "Scaling Laws, abstract, arXiv 2212.01365; Jeon and Van Roy 2024, arXiv 2407.01456"
    ),
    notes={
        "cannot_say": "how many tokens a parameter wants, any loss, or the logarithmic factors: "
        "it minimizes an upper bound on the error of a network with one hidden layer of ReLU "
        "units, not of a transformer on text",
        "direction": "as the input grows in dimension (a longer history of tokens), a larger share "
        "of compute belongs to the model, by the paper's abstract",
        "mark": "read in the abstracts; the theorems' logarithmic factors were not seen",
    },
)

PUBLISHED = (
    BESIROGLU,
    HOFFMANN_3,
    HOFFMANN_3_PRINTED,
    HOFFMANN_1,
    HOFFMANN_2,
    KAPLAN,
    LLAMA_3,
    DEEPSEEK,
    JEON_VAN_ROY,
)
