"""Weather, load and prices by path, in the place of the published ones."""

from __future__ import annotations

from wattproof.demo.mall.options import MallOptions
from wattproof.demo.mall.published import published_scene
from wattproof.demo.mall.scene import Scene


def scene_from(options: MallOptions) -> Scene:
    """The published day, or the same malls with the user's series."""
    return published_scene(options)
