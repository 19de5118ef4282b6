"""What renewable plants give in a weather, vectorised over scenarios.

Photovoltaics by PVWatts (Dobos 2014, NREL/TP-6A20-62641; pvlib): cells warmed after Faiman
(2008), module temperature coefficient -0.35 % a K, inverter 96 %. Wind by the power curve of the
NREL 5 MW reference turbine (Jonkman et al. 2009, NREL/TP-500-38060): from 3 m/s, rated at
11.4 m/s, stopped at 25 m/s.
"""

from __future__ import annotations

import numpy as np

from twin.park.site import FloatArray

_KELVIN_LOSS = -0.0035
_SPEED_M_PER_S = np.array([3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 11.4, 25.0])
_SHARE = np.array([0.008, 0.035, 0.086, 0.161, 0.263, 0.394, 0.560, 0.767, 0.954, 1.0, 1.0])


def photovoltaic_w(
    capacity_w: FloatArray | float,
    on_modules_w_per_m2: FloatArray,
    outdoor_c: FloatArray,
    wind_m_per_s: FloatArray,
) -> FloatArray:
    """AC power of modules of ``capacity_w`` DC at 1,000 W/m2 and 25 C; arrays broadcast, W."""
    from pvlib.inverter import pvwatts
    from pvlib.pvsystem import pvwatts_dc
    from pvlib.temperature import faiman

    cells = faiman(on_modules_w_per_m2, outdoor_c, wind_m_per_s)
    direct = pvwatts_dc(on_modules_w_per_m2, cells, 1.0, _KELVIN_LOSS)
    power: FloatArray = np.maximum(pvwatts(direct, 1.0 / 0.96), 0.0) * capacity_w
    return power


def wind_power_w(capacity_w: FloatArray | float, wind_m_per_s: FloatArray) -> FloatArray:
    """Power of turbines of ``capacity_w`` at wind speeds at the hub; arrays broadcast, W."""
    share = np.interp(wind_m_per_s, _SPEED_M_PER_S, _SHARE, left=0.0, right=0.0)
    power: FloatArray = share * capacity_w
    return power
