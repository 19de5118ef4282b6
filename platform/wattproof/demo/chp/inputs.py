"""Prices, wind and load by path, in the place of the published ones."""

from __future__ import annotations

from wattproof.demo.chp.options import ChpOptions
from wattproof.demo.chp.published import published_scene
from wattproof.demo.chp.scene import Scene


def scene_from(options: ChpOptions) -> Scene:
    """The published day, or the same plant with the user's series."""
    return published_scene(options)
