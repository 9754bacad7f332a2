# Starts a program after closing the kernel's ways out that no network namespace holds: sockets of other families than the usual four, above
# all AF_VSOCK, which leads from every container in a virtual machine to the machine around it; io_uring, which makes sockets past any
# filter; and key rings, which containers of one user may share. Some engines' own filters leave these open (Docker before 23, Podman before 4.5).
# What is started here cannot take the filter off, nor can anything that it starts.
use strict;
use warnings;
use Config;

# By machine: the kernel's number for it, and those of prctl, socket and socketpair, and of what there is not any more:
# io_uring_setup, add_key, request_key and keyctl.
my %machines = (
    x86_64  => { audit => 0xC000003E, prctl => 157, socket => [41, 53], gone => [425, 248, 249, 250] },
    aarch64 => { audit => 0xC00000B7, prctl => 167, socket => [198, 199], gone => [425, 217, 218, 219] },
);
my ($name) = $Config{archname} =~ /^([^-]+)/;
my $machine = $machines{$name} or die "novabot: no system calls are known of the machine $name.\n";
my @families = (1, 2, 10, 16);    # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK

# Berkeley packet filter: what is asked of, the two jumps, and the operand. Jumps count the instructions that are passed over.
my ($load, $equal, $atLeast, $return) = (0x20, 0x15, 0x35, 0x06);
my ($kill, $allow, $noFamily, $noCall) = (0x80000000, 0x7FFF0000, 0x00050000 + 97, 0x00050000 + 38);
my @filter = (
    # System calls of another kind (32 bits, x32) have other numbers, and ways to sockets that cannot be looked into.
    [$load, 0, 0, 4], [$equal, 1, 0, $machine->{audit}], [$return, 0, 0, $kill],
    [$load, 0, 0, 0], [$atLeast, 0, 1, 0x40000000], [$return, 0, 0, $kill],
);
push @filter, [$equal, 0, 1, $_], [$return, 0, 0, $noCall] for @{ $machine->{gone} };
push @filter, [$equal, 2, 0, $machine->{socket}[0]], [$equal, 1, 0, $machine->{socket}[1]], [$return, 0, 0, $allow];
push @filter, [$load, 0, 0, 16];
push @filter, [$equal, 0, 1, $_], [$return, 0, 0, $allow] for @families;
push @filter, [$return, 0, 0, $noFamily];

my $code = join '', map { pack 'S C C L', @$_ } @filter;
my $program = pack 'S x6 P', scalar @filter, $code;
my ($setNoNewPrivileges, $setSeccomp, $modeFilter) = (38, 22, 2);
syscall($machine->{prctl}, $setNoNewPrivileges, 1, 0, 0, 0) == 0
    && syscall($machine->{prctl}, $setSeccomp, $modeFilter, $program, 0, 0) == 0
    or die "novabot: the kernel does not take a filter for system calls: $!\n";
exec { $ARGV[0] } @ARGV or die "novabot: $ARGV[0] cannot be started: $!\n";
