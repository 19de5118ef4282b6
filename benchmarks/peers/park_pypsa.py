"""Solves the benchmark's park in PyPSA, in the environment of requirements/bench.txt.

Called by benchmarks/twin_park.py with the path of a park (NumPy archive, kW, kWh and hours, see
there). A bus is a balance; converters' segments, lines and the two ways in and out of a store are
links; what is sold, served and rejected are generators of negative sign. Every scenario is
optimised as PyPSA's users do: set the series, call ``optimize``. Prints one line of JSON.
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

Park = dict[str, Any]


def network_of(park: Park) -> pypsa.Network:
    """The network without what differs between scenarios."""
    slots, hours = int(park["slots"]), float(park["hours"])
    network = pypsa.Network()
    network.set_snapshots(pd.RangeIndex(slots, name="snapshot"))
    weightings = network.snapshot_weightings
    network.snapshot_weightings = pd.DataFrame(
        hours, index=weightings.index, columns=weightings.columns
    )
    network.add("Bus", [f"n{place}" for place in range(int(park["nodes"]))])
    _segments(network, park)
    _stores(network, park)
    snapshots = network.snapshots
    for place, node in enumerate(park["renewable_node"]):
        network.add("Generator", f"renewable{place}", bus=f"n{node}", p_nom=1.0)
    for place, node in enumerate(park["block_node"]):
        network.add(
            "Generator",
            f"served{place}",
            bus=f"n{node}",
            sign=-1.0,
            p_nom=1.0,
            marginal_cost=-park["block_value"][place],
        )
    for place, node in enumerate(park["connection_node"]):
        for name, sign, most, price in (
            ("bought", 1.0, park["import"], park["buy"]),
            ("sold", -1.0, park["export"], -park["sell"]),
        ):
            network.add(
                "Generator",
                f"{name}{place}",
                bus=f"n{node}",
                sign=sign,
                p_nom=most[place],
                marginal_cost=pd.Series(price[place], index=snapshots),
            )
    for node in park["rejecting"]:
        network.add(
            "Generator",
            f"rejected{node}",
            bus=f"n{node}",
            sign=-1.0,
            p_nom=1e7,
            marginal_cost=float(park["rejection"]),
        )
    for place, node in enumerate(park["link_source"]):
        network.add(
            "Link",
            f"line{place}",
            bus0=f"n{node}",
            bus1=f"n{park['link_target'][place]}",
            p_nom=park["link_capacity"][place],
            efficiency=park["link_efficiency"][place],
        )
    return network


def _segments(network: pypsa.Network, park: Park) -> None:
    for segment in range(len(park["segment_width"])):
        flows = [
            (int(park["flow_node"][flow]), float(park["flow_rate"][flow]))
            for flow in np.flatnonzero(park["flow_segment"] == segment)
        ]
        (drive, _), *others = flows
        ports: dict[str, Any] = {}
        for number, (node, rate) in enumerate(others, start=1):
            ports[f"bus{number}"] = f"n{node}"
            ports["efficiency" if number == 1 else f"efficiency{number}"] = rate
        network.add(
            "Link",
            f"segment{segment}",
            bus0=f"n{drive}",
            p_nom=park["segment_width"][segment],
            marginal_cost=park["segment_cost"][segment],
            **ports,
        )


def _stores(network: pypsa.Network, park: Park) -> None:
    for place, node in enumerate(park["store_node"]):
        capacity, initial = park["store_capacity"][place], park["store_initial"][place]
        loss = park["store_loss"][place]
        least = np.zeros(len(network.snapshots))
        least[-1] = initial / capacity
        begins = initial * (1.0 - loss) ** park["hours"]  # PyPSA's first slot loses nothing
        network.add("Bus", f"inside{place}")
        network.add(
            "Store",
            f"store{place}",
            bus=f"inside{place}",
            e_nom=capacity,
            e_initial=begins,
            e_min_pu=pd.Series(least, index=network.snapshots),
            standing_loss=loss,
        )
        network.add(
            "Link",
            f"charge{place}",
            bus0=f"n{node}",
            bus1=f"inside{place}",
            p_nom=park["store_charge"][place],
            efficiency=park["store_in"][place],
            marginal_cost=park["store_wear"][place],
        )
        network.add(
            "Link",
            f"discharge{place}",
            bus0=f"inside{place}",
            bus1=f"n{node}",
            p_nom=park["store_discharge"][place] / park["store_out"][place],
            efficiency=park["store_out"][place],
        )


def ramps(network: pypsa.Network, park: Park) -> None:
    """Bound the change of the sum of a converter's segments."""
    power = network.model["Link-p"]
    for converter, ramp in zip(park["ramped"], park["ramp"], strict=True):
        names = [f"segment{each}" for each in np.flatnonzero(park["segment_of"] == converter)]
        total = power.sel(name=names).sum("name")
        change = (total - total.shift(snapshot=1)).isel(snapshot=slice(1, None))
        network.model.add_constraints(change <= ramp, name=f"ramp-up-{converter}")
        network.model.add_constraints(change >= -ramp, name=f"ramp-down-{converter}")


def main() -> None:
    logging.disable(logging.WARNING)
    with np.load(sys.argv[1]) as archive:
        park = {key: archive[key] for key in archive.files}
    network = network_of(park)
    objectives, seconds = [], []
    for available, wanted in zip(park["available"], park["wanted"], strict=True):
        began = time.process_time()
        limits = {f"renewable{place}": series for place, series in enumerate(available)}
        limits |= {f"served{place}": series for place, series in enumerate(wanted)}
        network.generators_t.p_max_pu = pd.DataFrame(limits, index=network.snapshots)
        status, condition = network.optimize(
            solver_name="highs",
            io_api="direct",
            solver_options={"threads": 1, "output_flag": False},
            extra_functionality=lambda solved, _: ramps(solved, park),
            include_objective_constant=False,
        )
        seconds.append(time.process_time() - began)
        if (status, condition) != ("ok", "optimal"):
            raise SystemExit(f"PyPSA ended with {status}, {condition}")
        objectives.append(float(network.objective))
    print(json.dumps({"objectives": objectives, "seconds": seconds, "pypsa": pypsa.__version__}))


if __name__ == "__main__":
    main()
