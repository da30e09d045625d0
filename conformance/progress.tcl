# Runs the suite's own tests/test_helper.tcl unchanged, and adds what a supervising process needs: each line leaves at once
# instead of filling a pipe buffer first, and a line "[testing]: NAME" announces a test before it runs, so that a test
# that ends or stalls the whole unit is known by name.
fconfigure stdout -buffering line

proc announce_progress {array_name index operation} {
    set state $::active_clients_task($index)
    if {[string match {(IN PROGRESS) *} $state]} {
        puts "\[testing\]: [string range $state 14 end]"
    }
}
trace add variable ::active_clients_task write announce_progress

source tests/test_helper.tcl
