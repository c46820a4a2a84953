exact.o: native/targets/exact.c native/core/layout.h native/operant.h \
  native/core/target.h native/core/lanes.h native/core/trig.h \
  native/core/exponential.h native/core/random.h native/core/normal.h \
  native/core/interleave.h native/build/environments.h \
  native/core/actions.h native/core/episodes.h
