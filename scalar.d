scalar.o: native/targets/scalar.c native/core/layout.h native/operant.h \
  native/core/target.h native/core/lanes.h native/core/trig.h \
  native/core/exponential.h native/core/random.h native/core/normal.h \
  native/core/interleave.h native/build/environments.h \
  native/core/actions.h native/core/episodes.h native/rollout/kernels.h \
  native/rollout/table.h native/rollout/rollout.h \
  native/rollout/advantages.h native/rollout/moments.h \
  native/train/kernels.h native/train/table.h native/train/train.h
