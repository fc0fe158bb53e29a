/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_ERRORS_H
#define SL_KAFKA_ERRORS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* What the errors that a client reports mean for who reads. */

const char *sl_kafka_words(rd_kafka_resp_err_t err); /* what an operator can act on */
/* It keeps the client from its work. One broker of several that goes away does not. */
bool sl_kafka_lasting(rd_kafka_resp_err_t err);
/* Of one partition: the offset asked for is not in its log. Fetching has ended. */
bool sl_kafka_out_of_range(rd_kafka_resp_err_t err);
/* Of one partition: a batch is damaged, or too large once decompressed. The library goes on with
 * the next one. */
bool sl_kafka_unreadable(rd_kafka_resp_err_t err);

#endif
