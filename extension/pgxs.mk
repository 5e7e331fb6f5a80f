# Builds and installs the extension with PGXS. The top Makefile runs this file in build/extension, so that nothing is
# written beside the sources, and sets ROOT (the repository), VERSION (of the SQL script) and PG_CONFIG.

VPATH := $(ROOT)
MODULE_big := itemize
EXTENSION := itemize

sources := $(sort $(shell cd $(ROOT)/extension/src && find . -name '*.cpp' -printf '%P\n'))
OBJS := $(sources:.cpp=.o)
ifeq ($(OBJS),)
$(error no source found below $(ROOT)/extension/src)
endif

DATA := $(patsubst $(ROOT)/%,%,$(wildcard $(ROOT)/migrations/itemize--*.sql))
DATA_built := $(ROOT)/build/sql/itemize--$(VERSION).sql
# Installed below $(includedir_server)/extension, where `#include "itemize/change_event.hpp"` finds them.
HEADERS := $(patsubst $(ROOT)/%,%,$(wildcard $(ROOT)/extension/include/itemize/*.hpp))

# A compiler newer than the tested one may know new warnings: `make WERROR=` builds with it nevertheless.
WERROR ?= -Werror
PG_CXXFLAGS := -std=c++17 -O2 -fvisibility=hidden -fvisibility-inlines-hidden \
               -Wall -Wextra -Wshadow -Wconversion $(WERROR) -MMD -MP
PG_CPPFLAGS := -DITEMIZE_VERSION=\"$(VERSION)\"
SHLIB_LINK := -lstdc++ -licuuc
NO_INSTALLCHECK := 1
# Makefile.global would switch bitcode on, whose rule knows nothing of our C++ flags.
override with_llvm := no

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error PostgreSQL's build files are missing: install its server headers (`make deps`) or set PG_CONFIG)
endif
include $(PGXS)

# The server's headers do not build under our warnings; as system headers they are exempt.
server_includes := $(filter -I/%,$(filter-out -I$(ROOT),$(CPPFLAGS)))
override CPPFLAGS := -I$(ROOT)/extension/include -I$(ROOT)/extension/src \
                     $(server_includes:-I%=-isystem %) $(filter-out -I%,$(CPPFLAGS))

# System headers are not tracked one by one; another server, or another minor release of it, builds everything anew.
server_stamp := server.version
server_is := $(shell $(PG_CONFIG) --version) $(includedir_server)
ifneq ($(server_is),$(shell cat $(server_stamp) 2>/dev/null))
$(shell echo '$(server_is)' > $(server_stamp))
endif

ccache := $(shell command -v ccache)
control := $(ROOT)/itemize.control

$(OBJS): %.o: $(ROOT)/extension/src/%.cpp $(server_stamp) $(control) $(ROOT)/extension/pgxs.mk
	@mkdir -p $(@D)
	$(ccache) $(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $<

# A removed source leaves the library as well.
$(shell echo '$(OBJS)' | cmp -s - objects.list || echo '$(OBJS)' > objects.list)
itemize.so: objects.list

# A library that only the tests load (tests/stage.sh puts it beside ours): it throws and raises across the boundary.
boundary_probe.so: $(ROOT)/tests/boundary/boundary_probe.cpp boundary/entry.o
	$(ccache) $(CXX) $(CXXFLAGS) $(CPPFLAGS) -shared -o $@ $^ $(SHLIB_LINK)
all: boundary_probe.so

# For clang-tidy and editors: the flags of each source, as CMake writes them for the sidecar.
json_text = "$(subst ",\",$(subst \,\\,$(1)))"
comma := ,
define newline


endef
compile_entry = {"directory": $(call json_text,$(CURDIR)), "file": $(call json_text,$(ROOT)/extension/src/$(1)), \
  "command": $(call json_text,$(CXX) $(CXXFLAGS) $(CPPFLAGS) -c $(ROOT)/extension/src/$(1))}
compile_commands.json: objects.list $(server_stamp) $(control) $(ROOT)/extension/pgxs.mk
	$(file >$@,[$(foreach source,$(sources),$(if $(filter-out $(firstword $(sources)),$(source)),$(comma))$(newline)$(call compile_entry,$(source)))])

-include $(OBJS:.o=.d)
