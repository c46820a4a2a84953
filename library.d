library.o: native/library/library.c native/core/dispatch.h \
  native/core/layout.h native/operant.h
