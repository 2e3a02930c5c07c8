"""What is compiled once, whatever the tests run under."""

def built_once(name, what, out, **kwargs):
    """Takes a file out of the configuration that tools are built in, which no sanitizer changes.

    Built for the target, grpc_cli (C++) and the device code (nvcc) would be compiled again for each of
    plain, asan and tsan: minutes for files that no sanitizer looks into.

    Args:
      name: of the target.
      what: the label of a program or an object file.
      out: the file that `name` makes.
      **kwargs: as a genrule's.
    """
    native.genrule(
        name = name,
        outs = [out],
        cmd = "cp -L $(execpath %s) $@" % what,
        message = "Taking",
        tools = [what],
        **kwargs
    )
