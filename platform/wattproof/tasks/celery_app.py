"""The scaled profile's workers, ``celery -A wattproof.tasks.celery_app worker``, and the schedule,
``... beat``, in a process of its own.

Celery only wakes the task functions up. Messages carry nothing, so Redis may be flushed, a worker
killed and a message delivered twice: the database says what is due. A task is acknowledged when it
is done and given back when its worker is lost.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import ExitStack

import structlog
from celery import Celery
from sqlalchemy.exc import IntegrityError

from wattproof.errors import UnavailableError
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings
from wattproof.tasks import flow

TASKS: dict[str, Callable[[Platform], bool]] = {
    function.__name__: function
    for function in (
        flow.pump_outbox,
        flow.index_chain,
        flow.advance_rounds,
        flow.publish_networks,
        flow.hand_in_network_orders,
        flow.post_readings,
        flow.close_periods,
        flow.rebut_claims,
        flow.revoke_stale_plans,
        flow.mark_revoked,
        flow.issue_credits,
        flow.finish_events,
        flow.issue_certificates,
        flow.settle_quotas,
        flow.finish_erasures,
    )
}

_EXPIRE_TICKS = 20

_log = structlog.get_logger(__name__)
_lock = threading.Lock()
_stack = ExitStack()
_platform: Platform | None = None


def make_app(settings: Settings) -> Celery:
    """The Celery application with its schedule; connects to nothing yet."""
    app = Celery("wattproof", broker=settings.redis_url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_time_limit=600,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 900,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "global_keyprefix": settings.redis_prefix,
        },
        beat_schedule={
            name: {
                "task": f"wattproof.{name}",
                "schedule": settings.tick_s,
                # A wake-up that waited this long is superseded by later ones.
                "options": {"expires": max(_EXPIRE_TICKS * settings.tick_s, 1.0)},
            }
            for name in TASKS
        },
        beat_max_loop_interval=max(settings.tick_s, 0.05),
    )
    for name, function in TASKS.items():
        app.task(name=f"wattproof.{name}")(_with_platform(settings, function))
    return app


def _with_platform(settings: Settings, function: Callable[[Platform], bool]) -> Callable[[], None]:
    def task() -> None:
        platform = _open(settings)
        try:
            function(platform)
        except IntegrityError:
            _log.info("another_worker_was_faster", task=function.__name__)
        except UnavailableError as error:
            _log.warning("task_failed", task=function.__name__, reason=error.message)

    task.__name__ = function.__name__
    task.__doc__ = function.__doc__
    return task


def _open(settings: Settings) -> Platform:
    """This worker process's platform, opened at its first task."""
    global _platform
    with _lock:
        if _platform is None:
            _platform = _stack.enter_context(open_platform(settings))
            atexit.register(_stack.close)
        return _platform


app = make_app(Settings())
