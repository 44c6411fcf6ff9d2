"""The fixtures of `addons_region`, for every test here."""

from addons_region import files_holding, new_region, region

__all__ = ["files_holding", "new_region", "region"]
