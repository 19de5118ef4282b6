"""Solves the benchmark's storage programmes with PyPSA.

Runs in the environment of requirements/bench.txt, called by twin_storage.py with the path of a
NumPy archive: prices (scenario, slot) per kWh and the station's numbers, kW and kWh. Prints one
line of JSON: cost and processor seconds of each scenario.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import pypsa


def network(station: dict[str, float], slots: int, hours: float) -> Any:
    """A bus that buys and sells at a price, and a store behind a link either way."""
    found = pypsa.Network()
    found.set_snapshots(pd.RangeIndex(slots))
    found.snapshot_weightings = found.snapshot_weightings.astype(float) * hours
    found.add("Bus", ["grid", "store"])
    found.add("Generator", "market", bus="grid", p_nom=1e6, p_min_pu=-1.0)
    gain, mu = station["charge_efficiency"], station["discharge_efficiency"]
    wear = station["wear"]
    found.add(
        "Link",
        "charge",
        bus0="grid",
        bus1="store",
        p_nom=station["power"],
        efficiency=gain,
        marginal_cost=wear * gain,
    )
    # A link's power and cost count where energy enters it, here at the store.
    found.add(
        "Link",
        "discharge",
        bus0="store",
        bus1="grid",
        p_nom=station["power"] / mu,
        efficiency=mu,
        marginal_cost=wear,
    )
    least = np.full(slots, station["least"] / station["capacity"])
    least[-1] = station["start"] / station["capacity"]
    found.add(
        "Store",
        "store",
        bus="store",
        e_nom=station["capacity"],
        # PyPSA lets what is there at first lose nothing in the first slot.
        e_initial=station["start"] * (1.0 - station["self_discharge"]) ** hours,
        e_min_pu=least,
        standing_loss=station["self_discharge"],
    )
    return found


def main() -> None:
    logging.disable(logging.WARNING)
    with np.load(sys.argv[1]) as archive:
        prices = archive["prices"]
        station = {name: float(archive[name]) for name in archive.files if name != "prices"}
    slots = prices.shape[1]
    model = network(station, slots, station["hours"])
    cost, seconds = [], []
    for number, price in enumerate([prices[0], *prices]):
        began = time.process_time()
        model.generators_t.marginal_cost = pd.DataFrame({"market": price}, index=model.snapshots)
        model.optimize(solver_name="highs", output_flag=False, log_to_console=False)
        took = time.process_time() - began
        if number > 0:  # the first only warms up
            cost.append(float(model.objective))
            seconds.append(took)
    sys.stdout.flush()
    print("\n" + json.dumps({"version": pypsa.__version__, "cost": cost, "seconds": seconds}))


if __name__ == "__main__":
    main()
