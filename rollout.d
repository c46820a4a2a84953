rollout.o: native/rollout/rollout.c native/core/dispatch.h \
  native/core/layout.h native/operant.h native/rollout/table.h \
  native/rollout/rollout.h
