"""Celery's settings of a worker, which reads them in the folder that it is started in.

    celery -A dagster_celery.app worker -Q dagster --concurrency 2 -n '%h'

The addresses are in cluster.env beside this file. Settings of your own go below.
"""

from pathlib import Path

from hugflow.cluster import celery_settings

globals().update(celery_settings(Path(__file__).parent))
