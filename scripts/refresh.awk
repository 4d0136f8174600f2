# refresh.awk - a page with what its commands print today: awk -v netc=NETC -v work=DIR -f scripts/refresh.awk PAGE.md
#
# In a block that begins with "```console", what stands behind a line "$ netc ..." becomes that command's output. What stands between
# "<!-- NAME -->" and "<!-- end -->" becomes the file DIR/NAME.txt, where there is one.
/^<!-- end -->/ { within = 0 }
within { next }
/^```/ { skip = 0 }
/^[$] netc / && console { skip = 0 }
skip { next }
{ print }
/^<!-- [a-z_]+ -->/ && $2 != "end" {
    file = work "/" $2 ".txt"
    while ((getline line < file) > 0) {
        print line
        within = 1
    }
    close(file)
}
/^```/ { console = /^```console/ }
console && /^[$] netc / {
    command = netc substr($0, 7) " 2>&1"
    while ((command | getline line) > 0)
        print line
    close(command)
    skip = 1
}
