"""One rule for every .proto: C code for protobuf-c and nanopb, and its descriptor set.

upb needs no code of its own: mesh/rpc/schema reads the embedded descriptors.
"""

_PROTOC = "mkdir -p protos; $(execpath @protoc_tools//:protoc) -I protos -I /usr/include "

def _plugin(name, label):
    return "--plugin=protoc-gen-%s=$(execpath %s) --%s_out=$(GENDIR)/protos " % (name, label, name)

def _generate(name, proto, srcs, suffixes, flags, tools):
    native.genrule(
        name = name,
        srcs = srcs,
        outs = [proto + suffix for suffix in suffixes],
        cmd = _PROTOC + flags + proto + ".proto",
        message = "protoc",
        tools = ["@protoc_tools//:protoc"] + tools,
    )

def proto_c(name, proto, deps = [], only_pbc = False, visibility = None):
    """Makes NAME_pbc (protobuf-c), NAME_nanopb and NAME_set (a descriptor set with all imports).

    Args:
      name: what the three targets are called.
      proto: the file below protos/ (or /usr/include, for google/protobuf/ and onnx/), without .proto.
      deps: the names of the protos that it imports.
      visibility: of the libraries; None: the package's.
      only_pbc: makes only NAME_pbc, of a proto that nanopb cannot do (messages that hold themselves).
    """
    installed = proto.startswith("google/protobuf/") or proto.startswith("onnx/")
    own = [] if installed else [proto + ".proto"]
    native.filegroup(name = name + "_src", srcs = own + [":%s_src" % d for d in deps])
    srcs = [":%s_src" % name]

    _generate(name + "_pbc_gen", proto, srcs, [".pb-c.c", ".pb-c.h"], _plugin("c", "@protoc_tools//:protoc-gen-c"), ["@protoc_tools//:protoc-gen-c"])
    native.cc_library(
        name = name + "_pbc",
        srcs = [proto + ".pb-c.c"],
        hdrs = [proto + ".pb-c.h"],
        copts = ["-w"],
        includes = ["."],
        visibility = visibility,
        deps = ["@protobuf_c"] + [":%s_pbc" % d for d in deps],
    )

    if only_pbc:
        return

    _generate(name + "_nanopb_gen", proto, srcs, [".pb.c", ".pb.h"], _plugin("nanopb", "@protoc_tools//:protoc-gen-nanopb"), ["@protoc_tools//:protoc-gen-nanopb"])
    native.cc_library(
        name = name + "_nanopb",
        srcs = [proto + ".pb.c"],
        hdrs = [proto + ".pb.h"],
        copts = ["-w"],
        includes = ["."],
        visibility = visibility,
        deps = ["@nanopb"] + [":%s_nanopb" % d for d in deps],
    )

    native.genrule(
        name = name + "_set",
        srcs = srcs,
        outs = [name + "_set.pb"],
        cmd = _PROTOC + "--include_imports --descriptor_set_out=$@ " + proto + ".proto",
        message = "protoc",
        tools = ["@protoc_tools//:protoc"],
    )

def embedded_descriptors(name, protos, header, testonly = False):
    """Makes NAME, a cc_library whose `header` declares the descriptor set of all `protos` as bytes."""
    native.genrule(
        name = name + "_gen",
        srcs = [":%s_src" % short for short in protos],
        outs = [name + ".c"],
        testonly = testonly,
        cmd = _PROTOC + "--include_imports --descriptor_set_out=$@.pb " +
              " ".join([path + ".proto" for path in protos.values()]) +
              " && { echo '#include \"protos/%s\"'" % header +
              " && echo 'const unsigned char millrace_descriptors[] = {'" +
              " && od -An -v -tx1 $@.pb | sed 's/ \\([0-9a-f][0-9a-f]\\)/0x\\1,/g'" +
              " && echo '};' && echo 'const unsigned long millrace_descriptors_size = sizeof millrace_descriptors;'; } > $@ && rm $@.pb",
        message = "protoc",
        tools = ["@protoc_tools//:protoc"],
    )
    native.cc_library(name = name, srcs = [name + ".c"], hdrs = [header], testonly = testonly)
