"""The files of one dataset's tree: its manifest, its rows as recorded, and exchanging trees."""
