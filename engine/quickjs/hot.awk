# Has gcc compile the functions of the first file's list for speed, in the source that is the second; all others stay
# small. Fails if one of them is not there.

FNR == NR { hot[$1]; next }

!inside && /^[A-Za-z_].*\(/ && !/=/ {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (name in hot) {
        print "#pragma GCC push_options"
        print "#pragma GCC optimize(\"O2\", \"omit-frame-pointer\")"
        inside = "head"
    }
}

{ print }

inside == "head" && /\{$/ { inside = "body"; found[name] }
inside == "head" && /;$/ || inside == "body" && /^\}/ {
    print "#pragma GCC pop_options"
    inside = ""
}

END {
    for (name in hot)
        if (!(name in found)) {
            print "no function " name > "/dev/stderr"
            exit 1
        }
}
