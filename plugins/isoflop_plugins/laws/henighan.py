"""A power law plus a constant in one variable, as it holds in every domain that was tried."""

from __future__ import annotations

from isoflop.laws import Law, Parameter, PowerSum, PowerTerm

SOURCE = "Henighan et al. 2020, equation 1.1, arXiv 2010.14701"


def power_plus_constant(*, name: str, variable: str, words: str, unit: str, when: str) -> Law:
    """Return the law L(x) = L_inf + (x_0 / x)^alpha of one variable.

    Parameters
    ----------
    name : str
        Name of the law.
    variable : str
        Column x.
    words, unit : str
        What x is, in words, and its unit.
    when : str
        What must not limit the runs, for the law to be of x alone.
    """
    return Law(
        name=name,
        summary=f"Loss falls as a power of {words} to a floor: reducible and irreducible loss.",
        equation=f"loss = L_inf + (x_0 / {variable})^alpha",
        parameters=(
            Parameter(name="L_inf", unit="nat/token"),
            Parameter(name="x_0", unit=unit),
            Parameter(name="alpha", low=0.005, high=2.5),
        ),
        form=PowerSum(
            constant="L_inf",
            terms=(
                PowerTerm(coefficient="x_0", exponent="alpha", variable=variable, is_scale=True),
            ),
        ),
        variables=(variable,),
        cannot_say=(
            f"It is for runs that only {words} holds back: {when}. L_inf is the entropy of the "
            "data, and the rest the divergence of the model from it, only as far as the form "
            "holds beyond the runs and these are trained to convergence."
        ),
        source=SOURCE,
    )


HENIGHAN_N = power_plus_constant(
    name="henighan-n", variable="n_params_nonembedding", words="model size", unit="1",
    when="data enough, trained to convergence",
)  # fmt: skip
HENIGHAN_D = power_plus_constant(
    name="henighan-d", variable="n_tokens", words="data", unit="token",
    when="a model large enough, stopped where its held-out loss is lowest",
)  # fmt: skip
HENIGHAN_C = power_plus_constant(
    name="henighan-c", variable="flops", words="compute", unit="FLOP",
    when="compute spent on the best size",
)  # fmt: skip

LAWS = (HENIGHAN_N, HENIGHAN_D, HENIGHAN_C)
