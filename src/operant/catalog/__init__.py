"""Every environment's descriptor, by Gymnasium's id."""

from operant.catalog import acrobot, cartpole, mountain_car, mountain_car_continuous, pendulum
from operant.spec import EnvSpec

CATALOG: dict[str, EnvSpec] = {
    spec.id: spec
    for spec in (
        cartpole.SPEC_V0,
        cartpole.SPEC,
        mountain_car.SPEC,
        mountain_car_continuous.SPEC,
        pendulum.SPEC,
        acrobot.SPEC,
    )
}
