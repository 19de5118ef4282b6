"""Random systems for the properties: any mixture of costs, limits, quotas and buy-outs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from twin.green_quota.system import Cost, Demand, Kind, Producer, QuotaSystem, Withholding

SLOPES = (0.0, 0.0005, 0.003, 0.02, 0.1)
RATIOS = st.one_of(st.sampled_from((0.0, 0.2, 0.5, 0.9)), st.floats(1e-6, 0.95))


@st.composite
def producers(draw, name: str, *, must_run: bool = False) -> Producer:
    """One producer that takes prices."""
    kind = draw(st.sampled_from(Kind))
    running = Cost(
        draw(st.sampled_from((0.0, 500.0))),
        float(draw(st.integers(0, 11)) * 10),
        draw(st.sampled_from(SLOPES)),
    )
    available = float(draw(st.integers(0, 60)) * 100)
    return Producer(
        name,
        kind,
        maintenance=running,
        least_mwh=available * draw(st.sampled_from((0.0, 0.0, 0.4, 1.0))) if must_run else 0.0,
        available_mwh=available,
    )


@st.composite
def systems(draw, *, must_run: bool = False, ratios=RATIOS) -> QuotaSystem:
    """Up to seven price takers; a highest price of 100, 10,000 MWh at price 0."""
    count = draw(st.integers(1, 7))
    return QuotaSystem(
        "drawn",
        tuple(draw(producers(f"p{place}", must_run=must_run)) for place in range(count)),
        Demand(100.0, 0.01),
        draw(ratios),
        draw(st.sampled_from((None, 5.0, 30.0, 150.0))),
    )


@st.composite
def systems_with_power(draw, most_strategic: int = 3) -> QuotaSystem:
    """The same with up to so many producers that hold back."""
    system = draw(systems())
    left = draw(st.integers(1, most_strategic))
    changed = []
    for producer in system.producers:
        ways = [Withholding.NOTHING]
        if left:
            ways.append(Withholding.ELECTRICITY)
            if producer.kind is Kind.RENEWABLE:
                ways += [Withholding.CERTIFICATES, Withholding.BOTH]
        way = draw(st.sampled_from(ways))
        left -= way is not Withholding.NOTHING
        changed.append(replace(producer, withholds=way))
    if all(each.withholds is Withholding.NOTHING for each in changed):
        changed[0] = replace(changed[0], withholds=Withholding.ELECTRICITY)
    return replace(system, producers=tuple(changed))
