"""The hours of the day in which somebody may be called without being betrayed."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from core.settings import settings


@dataclass(frozen=True)
class SafeTimes:
    """From an hour up to another on the country's clock; over midnight when the second is earlier."""

    since: time
    until: time

    def hold(self, moment: datetime) -> bool:
        """Whether ``moment`` is safe."""
        clock = moment.astimezone(settings().zone).time().replace(microsecond=0)
        if self.since < self.until:
            return self.since <= clock < self.until
        return clock >= self.since or clock < self.until

    def from_then(self, moment: datetime) -> datetime:
        """``moment`` if it is safe, else when the safe hours begin next."""
        if self.hold(moment):
            return moment
        local = moment.astimezone(settings().zone)
        begin = datetime.combine(local.date(), self.since, settings().zone)
        return begin if begin > moment else begin + timedelta(days=1)
